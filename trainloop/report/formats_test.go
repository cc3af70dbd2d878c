package report

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"maps"
	"math"
	"reflect"
	"testing"

	ogorek "github.com/kisielk/og-rek"
	"google.golang.org/protobuf/encoding/protowire"

	"onnxlab/trainloop/rundir"
)

func twoCourses() []course {
	sample := study()
	return []course{
		newCourse(128, sample.history(rundir.Key{BatchSize: 128}, 0)),
		newCourse(8192, sample.history(rundir.Key{BatchSize: 8192}, 0)[:2]),
	}
}

func TestStudyJSON(t *testing.T) {
	var b bytes.Buffer
	must(t, writeStudyJSON(&b, twoCourses()))
	var got map[string]map[string][]float64
	must(t, json.Unmarshal(b.Bytes(), &got))
	for _, c := range twoCourses() {
		lists := got[map[int]string{128: "128", 8192: "8192"}[c.BatchSize]]
		for k, name := range courseNames() {
			if !reflect.DeepEqual(lists[name], c.Lists[k]) {
				t.Errorf("%d %s: got %v", c.BatchSize, name, lists[name])
			}
		}
	}
	if bytes.Index(b.Bytes(), []byte(`"128"`)) > bytes.Index(b.Bytes(), []byte(`"8192"`)) {
		t.Error("the batch sizes are not in rising order")
	}
}

// TestPickle reads the file with an independent decoder.
func TestPickle(t *testing.T) {
	var b bytes.Buffer
	must(t, writePickle(&b, twoCourses()))
	decoded, err := ogorek.NewDecoder(&b).Decode()
	must(t, err)
	got, ok := decoded.(map[any]any)
	if !ok || len(got) != 2 || b.Len() != 0 {
		t.Fatalf("got %T with %d bytes left", decoded, b.Len())
	}
	for _, c := range twoCourses() {
		lists, ok := got[int64(c.BatchSize)].(map[any]any)
		if !ok || len(lists) != 4 {
			t.Fatalf("%d: got %v", c.BatchSize, got)
		}
		for k, name := range courseNames() {
			var want []any
			for _, v := range c.Lists[k] {
				want = append(want, v)
			}
			if !reflect.DeepEqual(lists[name], want) {
				t.Errorf("%d %s: got %v", c.BatchSize, name, lists[name])
			}
		}
	}
}

// records splits an event file and checks all its checksums.
func records(t *testing.T, file []byte) [][]byte {
	t.Helper()
	crc := func(data []byte) uint32 {
		c := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
		return (c>>15 | c<<17) + 0xa282ead8
	}
	var list [][]byte
	for len(file) > 0 {
		n := binary.LittleEndian.Uint64(file)
		data := file[12 : 12+n]
		if crc(file[:8]) != binary.LittleEndian.Uint32(file[8:]) || crc(data) != binary.LittleEndian.Uint32(file[12+n:]) {
			t.Fatalf("record %d: wrong checksum", len(list))
		}
		list, file = append(list, data), file[16+n:]
	}
	return list
}

// fields decodes one level of a protocol buffer.
func fields(t *testing.T, message []byte) map[protowire.Number][]any {
	t.Helper()
	found := map[protowire.Number][]any{}
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		message = message[max(n, 0):]
		var v any
		switch kind {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(message)
		case protowire.Fixed64Type:
			v, n = protowire.ConsumeFixed64(message)
		case protowire.Fixed32Type:
			v, n = protowire.ConsumeFixed32(message)
		case protowire.BytesType:
			v, n = protowire.ConsumeBytes(message)
		default:
			t.Fatalf("field %d has wire type %d", number, kind)
		}
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		found[number] = append(found[number], v)
		message = message[n:]
	}
	return found
}

func TestEvents(t *testing.T) {
	history := study().history(rundir.Key{BatchSize: 128}, 0)[:3]
	var b bytes.Buffer
	history[1].Diagnosis = rundir.Diagnosis{NoiseScale: 200, GradientNorm: 0.5, Sharpness: -3, StabilityLimit: 38, UpdateNorm: 0.1, UpdateRatio: 0.01, Seconds: 1}
	history[2].MultiLabel, history[2].ValMAP, history[2].ValF1 = true, 0.75, 0.5
	layers := []rundir.Layer{{Epoch: 1, Name: "a", UpdateRatio: 0.02, GradientNorm: 0.4}, {Epoch: 1, Name: "b", UpdateRatio: 0.03}}
	must(t, writeEvents(&b, 1000, history, layers))
	list := records(t, b.Bytes())
	if len(list) != 4 {
		t.Fatalf("%d records", len(list))
	}
	if v := fields(t, list[0])[3]; len(v) != 1 || string(v[0].([]byte)) != "brain.Event:2" {
		t.Errorf("the first record is %v", v)
	}
	for i, e := range history {
		event := fields(t, list[i+1])
		if at := math.Float64frombits(event[1][0].(uint64)); at != 1000+34.5*float64(i+1) {
			t.Errorf("epoch %d is at %v s", i, at)
		}
		if step := event[2][0].(uint64); step != uint64(e.Step) {
			t.Errorf("epoch %d is at step %d", i, step)
		}
		got := map[string]float32{}
		for _, v := range fields(t, event[5][0].([]byte))[1] {
			value := fields(t, v.([]byte))
			got[string(value[1][0].([]byte))] = math.Float32frombits(value[2][0].(uint32))
		}
		want := map[string]float32{
			"loss/training": float32(e.Loss), "loss/validation": float32(e.ValLoss),
			"accuracy/training": float32(e.Accuracy), "accuracy/validation": float32(e.ValAccuracy),
			"learning_rate": float32(e.LearningRate), "speed/images_per_second": float32(e.ImagesPerSecond),
			"speed/data_wait": float32(e.DataWait),
		}
		if i == 1 {
			maps.Copy(want, map[string]float32{
				"diagnosis/noise_scale": 200, "diagnosis/gradient_norm": 0.5, "diagnosis/sharpness": -3, "diagnosis/stability_limit": 38,
				"diagnosis/update_norm": 0.1, "diagnosis/update_ratio": 0.01,
				"update_ratio/a": 0.02, "layer_gradient_norm/a": 0.4, "update_ratio/b": 0.03, // whose gradient was not seen
			})
		}
		if i == 2 {
			want["mean_average_precision/validation"], want["f1/validation"] = 0.75, 0.5
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("epoch %d: got %v, want %v", i, got, want)
		}
	}
}

// TestMaskedCRC has the published checksum of "123456789", 0xe3069283, masked
// by hand.
func TestMaskedCRC(t *testing.T) {
	const want = 0xc78ab0e5
	if got := maskedCRC([]byte("123456789")); got != want {
		t.Errorf("got %#x, want %#x", got, want)
	}
}
