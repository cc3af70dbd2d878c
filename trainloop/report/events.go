package report

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"onnxlab/trainloop/rundir"
)

// Field numbers of tensorflow/core/util/event.proto and
// tensorflow/core/framework/summary.proto.
const (
	eventWallTime    = 1 // double
	eventStep        = 2 // int64
	eventFileVersion = 3 // string
	eventSummary     = 5 // message
	summaryValue     = 1 // message
	valueTag         = 1 // string
	valueSimple      = 2 // float
)

// writeEvents writes a history as a TensorBoard event file. The step of each scalar is
// the optimizer's step at the end of the epoch. Its time is the end of the epoch in a run
// that started at started, in seconds since 1970, and had no pauses. The layers are in the
// order of their epochs.
func writeEvents(w io.Writer, started float64, history []rundir.Epoch, layers []rundir.Layer) error {
	version := protowire.AppendTag(wallTime(started), eventFileVersion, protowire.BytesType)
	file := appendRecord(nil, protowire.AppendString(version, "brain.Event:2"))
	for _, e := range history {
		started += e.Seconds
		of := slices.IndexFunc(layers, func(l rundir.Layer) bool { return l.Epoch > e.Epoch })
		if of < 0 {
			of = len(layers)
		}
		file = appendRecord(file, event(started, e, layers[:of]))
		layers = layers[of:]
	}
	_, err := w.Write(file)
	return err
}

func wallTime(seconds float64) []byte {
	b := protowire.AppendTag(nil, eventWallTime, protowire.Fixed64Type)
	return protowire.AppendFixed64(b, math.Float64bits(seconds))
}

// scalar is a number under a tag.
type scalar struct {
	tag   string
	value float64
}

// courseScalars returns the scalars that every epoch has.
func courseScalars(e rundir.Epoch) []scalar {
	list := []scalar{
		{"loss/training", e.Loss},
		{"loss/validation", e.ValLoss},
		{"accuracy/training", e.Accuracy},
		{"accuracy/validation", e.ValAccuracy},
		{"learning_rate", e.LearningRate},
		{"speed/images_per_second", e.ImagesPerSecond},
		{"speed/data_wait", e.DataWait},
	}
	if e.MultiLabel {
		list = append(list, scalar{"mean_average_precision/validation", e.ValMAP}, scalar{"f1/validation", e.ValF1})
	}
	return list
}

// diagnosisScalars returns the scalars of an epoch with a diagnosis, except those that were
// not measured.
func diagnosisScalars(d rundir.Diagnosis, layers []rundir.Layer) []scalar {
	if !d.Measured() {
		return nil
	}
	list := []scalar{
		{"diagnosis/noise_scale", d.NoiseScale},
		{"diagnosis/gradient_norm", d.GradientNorm},
		{"diagnosis/sharpness", d.Sharpness},
		{"diagnosis/stability_limit", d.StabilityLimit},
		{"diagnosis/update_norm", d.UpdateNorm},
		{"diagnosis/update_ratio", d.UpdateRatio},
	}
	for _, l := range layers {
		list = append(list, scalar{"update_ratio/" + l.Name, l.UpdateRatio}, scalar{"layer_gradient_norm/" + l.Name, l.GradientNorm})
	}
	return slices.DeleteFunc(list, func(s scalar) bool { return s.value == 0 })
}

func event(seconds float64, e rundir.Epoch, layers []rundir.Layer) []byte {
	var summary []byte
	for _, scalar := range slices.Concat(courseScalars(e), diagnosisScalars(e.Diagnosis, layers)) {
		value := protowire.AppendTag(nil, valueTag, protowire.BytesType)
		value = protowire.AppendString(value, scalar.tag)
		value = protowire.AppendTag(value, valueSimple, protowire.Fixed32Type)
		value = protowire.AppendFixed32(value, math.Float32bits(float32(scalar.value)))
		summary = protowire.AppendTag(summary, summaryValue, protowire.BytesType)
		summary = protowire.AppendBytes(summary, value)
	}
	b := protowire.AppendTag(wallTime(seconds), eventStep, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(e.Step))
	b = protowire.AppendTag(b, eventSummary, protowire.BytesType)
	return protowire.AppendBytes(b, summary)
}

// appendRecord frames data as TFRecord does: its length, the checksum of the
// length, the data, the checksum of the data, all little-endian.
func appendRecord(file, data []byte) []byte {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	file = append(file, length...)
	file = binary.LittleEndian.AppendUint32(file, maskedCRC(length))
	file = append(file, data...)
	return binary.LittleEndian.AppendUint32(file, maskedCRC(data))
}

// maskedCRC returns the CRC-32C, rotated and shifted by a constant: the plain checksum of
// data that contains checksums has problems (tensorflow/core/lib/hash/crc32c.h).
func maskedCRC(data []byte) uint32 {
	c := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	return (c>>15 | c<<17) + 0xa282ead8
}
