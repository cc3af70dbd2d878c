package checkpoint

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"

	flatbuffers "github.com/google/flatbuffers/go"
)

// The field numbers of the tables, in the order of the schema.
const (
	checkpointVersion = iota
	checkpointModule
	checkpointOptimizers
	checkpointProperties
	checkpointFields
)

const (
	moduleTrainable = iota
	moduleFrozen
	moduleNominal
	moduleExternal
	moduleFields
)

const (
	groupName = iota
	groupStep
	groupRate
	groupStates
	groupFields
)

const (
	stateParameter = iota
	stateMomenta
	stateFields
)

const (
	tensorName = iota
	tensorDoc
	tensorDims
	tensorType
	tensorRaw
	tensorStrings
	tensorExternal
	tensorFields
)

const (
	propertyInts = iota
	propertyFloats
	propertyStrings
	propertyFields
)

const (
	entryName = iota
	entryValue
	entryFields
)

// group is the name of the only optimizer group that ONNX Runtime has.
const group = "group0"

// Encode returns the file's bytes; equal checkpoints give equal bytes. Each tensor must have as
// many elements as its shape says, or Decode refuses the bytes.
func Encode(c *Checkpoint) []byte {
	e := encoder{flatbuffers.NewBuilder(1 << 16)}
	module := e.table(moduleFields,
		e.offset(moduleTrainable, e.tensors(c.Trainable)),
		e.offset(moduleFrozen, e.tensors(c.Frozen)))
	groups := e.vector(nil)
	if c.Optimizer != nil {
		groups = e.vector([]flatbuffers.UOffsetT{e.optimizer(c.Optimizer)})
	}
	properties := e.properties(c.Properties)
	root := e.table(checkpointFields,
		func() { e.PrependInt32Slot(checkpointVersion, Version, 0) },
		e.offset(checkpointModule, module),
		e.offset(checkpointOptimizers, groups),
		e.offset(checkpointProperties, properties))
	e.FinishWithFileIdentifier(root, []byte(identifier))
	return e.FinishedBytes()
}

type encoder struct{ *flatbuffers.Builder }

func (e encoder) table(fields int, set ...func()) flatbuffers.UOffsetT {
	e.StartObject(fields)
	for _, f := range set {
		f()
	}
	return e.EndObject()
}

func (e encoder) offset(slot int, at flatbuffers.UOffsetT) func() {
	return func() { e.PrependUOffsetTSlot(slot, at, 0) }
}

func (e encoder) vector(offsets []flatbuffers.UOffsetT) flatbuffers.UOffsetT {
	e.StartVector(flatbuffers.SizeUOffsetT, len(offsets), flatbuffers.SizeUOffsetT)
	for _, o := range slices.Backward(offsets) {
		e.PrependUOffsetT(o)
	}
	return e.EndVector(len(offsets))
}

func (e encoder) tensors(list []Tensor) flatbuffers.UOffsetT {
	offsets := make([]flatbuffers.UOffsetT, len(list))
	for i, t := range list {
		offsets[i] = e.tensor(t)
	}
	return e.vector(offsets)
}

func (e encoder) tensor(t Tensor) flatbuffers.UOffsetT {
	raw := make([]byte, 0, 4*len(t.Data))
	for _, f := range t.Data {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(f))
	}
	data, name := e.CreateByteVector(raw), e.CreateString(t.Name)
	e.StartVector(flatbuffers.SizeInt64, len(t.Shape), flatbuffers.SizeInt64)
	for _, n := range slices.Backward(t.Shape) {
		e.PrependInt64(int64(n))
	}
	dims := e.EndVector(len(t.Shape))
	return e.table(tensorFields,
		e.offset(tensorName, name), e.offset(tensorDims, dims),
		func() { e.PrependInt32Slot(tensorType, floatType, 0) },
		e.offset(tensorRaw, data))
}

func (e encoder) optimizer(o *Optimizer) flatbuffers.UOffsetT {
	states := make([]flatbuffers.UOffsetT, len(o.States))
	for i, s := range o.States {
		momenta, name := e.tensors(s.Momenta), e.CreateString(s.Parameter)
		states[i] = e.table(stateFields, e.offset(stateParameter, name), e.offset(stateMomenta, momenta))
	}
	name, list := e.CreateString(group), e.vector(states)
	return e.table(groupFields,
		e.offset(groupName, name),
		func() { e.PrependInt64Slot(groupStep, o.Step, 0) },
		func() { e.PrependFloat32Slot(groupRate, o.InitialLearningRate, 0) },
		e.offset(groupStates, list))
}

func (e encoder) properties(p Properties) flatbuffers.UOffsetT {
	ints := entries(e, p.Ints, func(v int64) func() {
		return func() { e.PrependInt64Slot(entryValue, v, 0) }
	})
	floats := entries(e, p.Floats, func(v float32) func() {
		return func() { e.PrependFloat32Slot(entryValue, v, 0) }
	})
	texts := entries(e, p.Strings, func(v string) func() {
		return e.offset(entryValue, e.CreateString(v))
	})
	return e.table(propertyFields,
		e.offset(propertyInts, ints), e.offset(propertyFloats, floats), e.offset(propertyStrings, texts))
}

// entries writes named values in the order of their names.
func entries[V any](e encoder, m map[string]V, value func(V) func()) flatbuffers.UOffsetT {
	var offsets []flatbuffers.UOffsetT
	for _, k := range slices.Sorted(maps.Keys(m)) {
		set, name := value(m[k]), e.CreateString(k)
		offsets = append(offsets, e.table(entryFields, e.offset(entryName, name), set))
	}
	return e.vector(offsets)
}
