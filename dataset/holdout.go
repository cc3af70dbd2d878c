package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
)

// NameHash returns a number by which images are ordered and held out. It is the same on
// every machine.
func NameHash(name string) uint64 {
	sum := sha256.Sum256([]byte(name))
	return binary.LittleEndian.Uint64(sum[:])
}

// HoldOut holds out a share of the images of each class: the first ones, at least one if
// the class has two. If images are in the order of their NameHash, most stay in their split
// when others are added or removed. Both parts keep the order.
func HoldOut[T any](images []T, class func(T) int, classes int, share float64) (train, validation []T) {
	size, held := make([]int, classes), make([]int, classes)
	for _, f := range images {
		size[class(f)]++
	}
	for _, f := range images {
		c := class(f)
		wanted := int(math.Round(share * float64(size[c])))
		if held[c] < min(max(wanted, 1), size[c]-1) {
			held[c]++
			validation = append(validation, f)
		} else {
			train = append(train, f)
		}
	}
	return train, validation
}
