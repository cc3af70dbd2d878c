package trainloop

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
)

// resume moves the run to the position of the latest snapshot, or to the beginning, and
// returns the checkpoint from there.
func (r *run) resume() ([]byte, error) {
	m, path, _, err := snapshot.Latest(r.layout.Checkpoints())
	if errors.Is(err, fs.ErrNotExist) {
		return r.first()
	}
	if err != nil {
		return nil, err
	}
	if r.at.DataHash, err = r.dataHash(); err != nil {
		return nil, err
	}
	if differences := r.differences(path, m); len(differences) > 0 {
		return nil, &Mismatch{Dir: r.Dir, Differences: differences}
	}
	hash := r.at.ConfigHash
	r.at, r.at.ConfigHash = m, hash
	history, err := rundir.ReadHistory(r.layout.History())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(history) < m.Epoch {
		return nil, fmt.Errorf("resume %q: history.csv has %d epochs, but the snapshot %q was saved after %d", r.Dir, len(history), path, m.Epoch)
	}
	r.history = history[:m.Epoch]
	layers, err := rundir.ReadLayers(r.layout.Layers())
	if err != nil {
		return nil, err
	}
	r.diagnosis.layers = slices.DeleteFunc(layers, func(l rundir.Layer) bool { return l.Epoch >= m.Epoch })
	if r.began != nil {
		if err := r.checkLength(m, r.history); err != nil {
			return nil, err
		}
	}
	return r.readState(snapshot.CheckpointPath(path))
}

// differences lists the hashes by which the snapshot at path belongs to another run.
func (r *run) differences(path string, m snapshot.Manifest) []string {
	var list []string
	differs := func(what, then, now string) {
		list = append(list, fmt.Sprintf("snapshot %q: %s with SHA-256 %.12s became %.12s", path, what, cmp.Or(then, "none"), cmp.Or(now, "none")))
	}
	if !r.knows(m.ConfigHash) {
		differs("configuration", m.ConfigHash, r.at.ConfigHash)
	}
	list = append(list, r.otherData(fmt.Sprintf("snapshot %q", path), m.DataHash)...)
	if m.FromHash != r.at.FromHash {
		differs("first parameters", m.FromHash, r.at.FromHash)
	}
	return list
}

// checkBegunData returns a *Mismatch if the run began with other images. Before its first
// snapshot, only environment.json knows these.
func (r *run) checkBegunData() error {
	began := r.environment.Data.Hash // empty if the run begins now
	list := r.otherData("environment.json", began)
	if began == "" || len(list) == 0 {
		return nil
	}
	return &Mismatch{Dir: r.Dir, Differences: list}
}

// otherData lists how the images differ from those with the hash that the source names; it is
// empty if they have that hash.
func (r *run) otherData(source, hash string) (list []string) {
	if hash == r.at.DataHash {
		return nil
	}
	text := fmt.Sprintf("%s: data with SHA-256 %.12s became %.12s", source, hash, r.at.DataHash)
	if path := r.Experiment.Data.Path; path != "" {
		text += fmt.Sprintf(", that of data.path %q", path)
	}
	list = append(list, text)
	if then, now := r.environment.Data.Decoder, r.Train.Decoder; then != "" && then != now {
		list = append(list, fmt.Sprintf("the decoder of JPEG images, %s, became %s, which decodes to other pixels (see data.decoder and pipeline runtime info)", then, cmp.Or(now, "none")))
	}
	return list
}

// readState reads a checkpoint and checks that it has the network's parameters. ONNX
// Runtime would name neither the file nor the missing parameter.
func (r *run) readState(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := checkpoint.Decode(data)
	if err == nil {
		_, err = r.network.Inference(c, onnxmodels.InferenceOptions{KeepBatchNorm: true})
	}
	if err != nil {
		return nil, &rundir.DataError{Path: path, Message: err.Error()}
	}
	return data, nil
}
