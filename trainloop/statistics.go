package trainloop

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"onnxlab/augment/batch"
	"onnxlab/configs"
	"onnxlab/dataset/evaluation"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/ort/session"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
)

// maxMeasured is the largest number of training images on which BatchNorm's statistics are
// recalibrated. Wu and Johnson (2021, section 3.2) see no gain beyond some thousands.
// Recalibration takes one forward pass over these images, a third of the time of training
// on them, and no more for larger sets.
const maxMeasured = 2048

// recalibrate measures BatchNorm's statistics for the parameters of the snapshot at the end
// of the current epoch, and adds them to the snapshot, if the settings ask for it. The
// trainer's own statistics stay as they are, so training goes on as it would without.
func (r *run) recalibrate(ctx context.Context, pending *snapshot.Pending) error {
	if r.Experiment.Model.BatchNorm.Statistics != configs.StatisticsRecalibrated {
		return nil
	}
	parameters, err := checkpoint.Read(pending.CheckpointPath())
	if err != nil {
		return err
	}
	m, err := trained(r.network, r.cut).Moments(artifact.Averaged(parameters), onnxmodels.InferenceOptions{Target: r.options.Device.Traits().Target, Block: session.Block()})
	if errors.Is(err, onnxmodels.ErrNoStatistics) {
		return nil
	}
	if err != nil {
		return err
	}
	if r.features != nil {
		err = r.features.measure(ctx, m, r.Experiment, r.at.Epoch)
	} else {
		err = r.measure(ctx, m)
	}
	if err != nil {
		return err
	}
	return pending.WriteStatistics(m.Statistics())
}

// measure adds the moments of the epoch's first training images, with the augmentation of
// the epoch.
func (r *run) measure(ctx context.Context, m *onnxmodels.Moments) (err error) {
	size, batches := measuredBatches(r.Train.Len(), max(MicroBatch(r.Experiment), evaluation.BatchOf(r.network.Size())))
	recipe, err := Recipe(r.Experiment.Augment)
	if err != nil {
		return err
	}
	loader, err := batch.NewLoader(r.Train, batch.LoaderOptions{
		Seed: r.Experiment.Seed, BatchSize: size, Recipe: recipe, Epoch: r.at.Epoch,
	})
	if err != nil {
		return err
	}
	defer loader.Close()
	model, err := modelfile.Marshal(m.Model)
	if err != nil {
		return err
	}
	probe, err := session.NewProbe(model, onnxmodels.InputImage, m.Outputs, r.options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, probe.Close()) }()
	height, width := r.network.Size()
	images, labels := make([]uint8, size*height*width*r.network.Channels()), make([]int64, size)
	for range batches {
		if _, err := loader.Next(ctx, images, labels); err != nil {
			return err
		}
		values, err := probe.RunImages(images, height, width, r.network.Channels())
		if err != nil {
			return explainMemory(err, r.Experiment)
		}
		if err := m.Add(values); err != nil {
			return err
		}
	}
	return nil
}

// hasStatistics reports whether the network has running statistics.
func hasStatistics(n *onnxmodels.Network) bool {
	return slices.ContainsFunc(n.Parameters(), func(p onnxmodels.Parameter) bool { return !p.Trainable })
}

// measuredBatches divides the images for recalibration into batches of one size, at most `most`
// images each. Each batch is normalised separately, and the larger it is, the closer its
// statistics are to those of all images. So callers pass the batch size of evaluation, or the
// micro-batch if that is larger: there is enough memory for both.
func measuredBatches(images, most int) (size, batches int) {
	measured := min(images, maxMeasured)
	batches = (measured + most - 1) / most
	return measured / batches, batches
}

// summarizeStatistics reports, in a note and in the summary, the share of the initial
// values in the running statistics, if it is large enough to spoil the last evaluation. The
// initial statistics of a given model were measured on real images and do no harm.
func (r *run) summarizeStatistics(s *rundir.Summary) {
	m := r.Experiment.Model
	share := m.BatchNorm.KeepsInitial(s.Steps)
	if m.Kind == configs.KindOwn && m.BatchNorm.Statistics != configs.StatisticsRecalibrated {
		share = r.network.KeepsInitial(s.Steps) // the settings do not describe this network
	}
	if share <= rundir.MostInitialStatistics || !hasStatistics(r.network) || m.Kind == configs.KindONNX {
		return
	}
	s.InitialStatistics = share
	r.note(fmt.Sprintf("after %d steps, BatchNorm's running statistics are still %.3g %% their initial values, which spoils validation and model.onnx: set model.batchnorm.statistics to %s",
		s.Steps, 100*share, configs.StatisticsRecalibrated))
}
