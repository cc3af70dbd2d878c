package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// errCut is the error for an offset or a size that leads outside the file.
var errCut = errors.New("the file is damaged: an offset or a size leads outside it")

// HasIdentifier reports whether a file is a checkpoint, given its first eight
// bytes.
func HasIdentifier(head []byte) bool { return len(head) >= 8 && string(head[4:8]) == identifier }

// Decode reads a checkpoint file's bytes.
func Decode(data []byte) (*Checkpoint, error) {
	if !HasIdentifier(data) {
		return nil, fmt.Errorf("not an ONNX Runtime training checkpoint (no %q at byte 4)", identifier)
	}
	if len(data) > math.MaxInt32 {
		return nil, fmt.Errorf("%d bytes are more than the format's limit of %d", len(data), math.MaxInt32)
	}
	d := &decoder{data: data}
	c := d.checkpoint(d.follow(0))
	if d.err != nil {
		return nil, d.err
	}
	return c, nil
}

// decoder walks a FlatBuffers file. After the first error every read returns
// zero values, so that the walk ends.
type decoder struct {
	data  []byte
	spent int // bytes of all vectors read so far: a hostile file may refer to the same bytes many times
	err   error
}

// table is the position of a table; 0 means that it is absent.
type table int

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// bytes returns n bytes at a position, or nil.
func (d *decoder) bytes(at, n int) []byte {
	if d.err != nil {
		return nil
	}
	if at < 0 || n < 0 || at > len(d.data) || n > len(d.data)-at {
		d.fail(errCut)
		return nil
	}
	return d.data[at : at+n]
}

func (d *decoder) uint32(at int) int {
	if b := d.bytes(at, 4); b != nil {
		return int(binary.LittleEndian.Uint32(b))
	}
	return 0
}

// follow returns the position that the offset at a position leads to.
func (d *decoder) follow(at int) table {
	offset := d.uint32(at)
	if offset == 0 {
		d.fail(errCut)
		return 0
	}
	return table(at + offset)
}

// field returns the position of a table's field, or 0 if it is absent.
func (d *decoder) field(t table, slot int) int {
	b := d.bytes(int(t), 4)
	if b == nil || t == 0 {
		return 0
	}
	vtable := int(t) - int(int32(binary.LittleEndian.Uint32(b)))
	size := d.bytes(vtable, 2)
	if size == nil {
		return 0
	}
	at := 4 + 2*slot
	if at+2 > int(binary.LittleEndian.Uint16(size)) {
		return 0
	}
	entry := d.bytes(vtable+at, 2)
	if entry == nil {
		return 0
	}
	offset := int(binary.LittleEndian.Uint16(entry))
	if offset == 0 {
		return 0
	}
	return int(t) + offset
}

// child returns the table that a field refers to, or 0.
func (d *decoder) child(t table, slot int) table {
	at := d.field(t, slot)
	if at == 0 {
		return 0
	}
	return d.follow(at)
}

// vector returns the position of the first element of a field's vector, and
// the number of elements. Each element has the given size in bytes.
func (d *decoder) vector(t table, slot, size int) (at, n int) {
	v := d.child(t, slot)
	if v == 0 {
		return 0, 0
	}
	n = d.uint32(int(v))
	if n > len(d.data)/size {
		d.fail(errCut)
		return 0, 0
	}
	if d.spent += n * size; d.spent > 2*len(d.data) {
		d.fail(errors.New("the file is damaged: its parts overlap"))
		return 0, 0
	}
	if d.bytes(int(v)+4, n*size) == nil {
		return 0, 0
	}
	return int(v) + 4, n
}

// tables returns the tables that a field's vector refers to.
func (d *decoder) tables(t table, slot int) []table {
	at, n := d.vector(t, slot, 4)
	var list []table
	for i := 0; i < n && d.err == nil; i++ {
		list = append(list, d.follow(at+4*i))
	}
	return list
}

func (d *decoder) text(t table, slot int) string {
	at, n := d.vector(t, slot, 1)
	return string(d.bytes(at, n))
}

func (d *decoder) int32(t table, slot int) int32 {
	if at := d.field(t, slot); at != 0 {
		return int32(d.uint32(at))
	}
	return 0
}

func (d *decoder) int64(t table, slot int) int64 {
	if at := d.field(t, slot); at != 0 {
		if b := d.bytes(at, 8); b != nil {
			return int64(binary.LittleEndian.Uint64(b))
		}
	}
	return 0
}

func (d *decoder) bool(t table, slot int) bool {
	if at := d.field(t, slot); at != 0 {
		if b := d.bytes(at, 1); b != nil {
			return b[0] != 0
		}
	}
	return false
}

func (d *decoder) float32(t table, slot int) float32 {
	return math.Float32frombits(uint32(d.int32(t, slot)))
}

func (d *decoder) checkpoint(root table) *Checkpoint {
	if v := d.int32(root, checkpointVersion); v != Version && d.err == nil {
		d.fail(fmt.Errorf("it has version %d of the format; only version %d is supported", v, Version))
	}
	module := d.child(root, checkpointModule)
	if module == 0 {
		d.fail(errors.New("the file holds no parameters"))
		return nil
	}
	if d.bool(module, moduleExternal) || d.bool(module, moduleNominal) {
		d.fail(errors.New("its parameters are not in the file: external and nominal checkpoints are not supported"))
	}
	c := &Checkpoint{
		Trainable:  d.tensors(module, moduleTrainable),
		Frozen:     d.tensors(module, moduleFrozen),
		Properties: d.properties(d.child(root, checkpointProperties)),
	}
	for i, g := range d.tables(root, checkpointOptimizers) {
		if name := d.text(g, groupName); name != group || i > 0 {
			d.fail(fmt.Errorf("optimizer group %q: only a single group %q is supported", name, group))
		}
		c.Optimizer = d.optimizer(g)
	}
	return c
}

func (d *decoder) optimizer(g table) *Optimizer {
	o := &Optimizer{Step: d.int64(g, groupStep), InitialLearningRate: d.float32(g, groupRate)}
	for _, s := range d.tables(g, groupStates) {
		o.States = append(o.States, State{Parameter: d.text(s, stateParameter), Momenta: d.tensors(s, stateMomenta)})
	}
	return o
}

func (d *decoder) tensors(t table, slot int) []Tensor {
	var list []Tensor
	for _, at := range d.tables(t, slot) {
		if d.err != nil {
			return nil
		}
		list = append(list, d.tensor(at))
	}
	return list
}

func (d *decoder) tensor(t table) Tensor {
	x := Tensor{Name: d.text(t, tensorName), Shape: []int{}}
	if kind := d.int32(t, tensorType); kind != floatType && d.err == nil {
		d.fail(fmt.Errorf("tensor %q has element type %d; only float32 (%d) is supported", x.Name, kind, floatType))
	}
	elements := int64(1)
	at, n := d.vector(t, tensorDims, 8)
	for i := range n {
		size := int64(binary.LittleEndian.Uint64(d.data[at+8*i:]))
		if size < 0 || size > int64(len(d.data)) || elements*size > int64(len(d.data)) {
			d.fail(fmt.Errorf("tensor %q: dimension %d is %d, more than the file can hold", x.Name, i, size))
			return x
		}
		elements *= size
		x.Shape = append(x.Shape, int(size))
	}
	at, n = d.vector(t, tensorRaw, 1)
	if d.err == nil && int64(n) != 4*elements {
		d.fail(fmt.Errorf("tensor %q: shape %v needs %d bytes, the file has %d", x.Name, x.Shape, 4*elements, n))
		return x
	}
	raw := d.bytes(at, n)
	x.Data = make([]float32, len(raw)/4)
	for i := range x.Data {
		x.Data[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return x
}

func (d *decoder) properties(t table) Properties {
	var p Properties
	if t == 0 {
		return p
	}
	p.Ints = decodeEntries(d, d.tables(t, propertyInts), func(e table) int64 { return d.int64(e, entryValue) })
	p.Floats = decodeEntries(d, d.tables(t, propertyFloats), func(e table) float32 { return d.float32(e, entryValue) })
	p.Strings = decodeEntries(d, d.tables(t, propertyStrings), func(e table) string { return d.text(e, entryValue) })
	return p
}

func decodeEntries[V any](d *decoder, list []table, value func(table) V) map[string]V {
	if len(list) == 0 {
		return nil
	}
	m := make(map[string]V, len(list))
	for _, e := range list {
		m[d.text(e, entryName)] = value(e)
	}
	return m
}
