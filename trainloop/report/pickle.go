package report

import (
	"encoding/binary"
	"io"
	"math"
)

// Opcodes of Python's pickle protocol 2 (PEP 307, Lib/pickletools.py).
const (
	opProto      = 0x80
	opStop       = '.'
	opMark       = '('
	opEmptyDict  = '}'
	opSetItems   = 'u'
	opEmptyList  = ']'
	opAppends    = 'e'
	opBinInt     = 'J'
	opBinFloat   = 'G'
	opBinUnicode = 'X'
)

// writePickle writes {128: {'loss': [...], ...}, ...}, with integers as keys as in
// the study. It does not use the library kisielk/og-rek, because that writes the entries of
// a dict in random order, so that the file would differ each time.
func writePickle(w io.Writer, courses []course) error {
	p := []byte{opProto, 2, opEmptyDict, opMark}
	for _, c := range courses {
		p = append(p, opBinInt)
		p = binary.LittleEndian.AppendUint32(p, uint32(c.BatchSize))
		p = append(p, opEmptyDict, opMark)
		for k, name := range courseNames() {
			p = append(p, opBinUnicode)
			p = binary.LittleEndian.AppendUint32(p, uint32(len(name)))
			p = append(p, name...)
			p = append(p, opEmptyList, opMark)
			for _, v := range c.Lists[k] {
				p = append(p, opBinFloat)
				p = binary.BigEndian.AppendUint64(p, math.Float64bits(v))
			}
			p = append(p, opAppends)
		}
		p = append(p, opSetItems)
	}
	_, err := w.Write(append(p, opSetItems, opStop))
	return err
}
