package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
)

// NameHash is a number by which images are ordered and held out, the same on every
// machine.
func NameHash(name string) uint64 {
	sum := sha256.Sum256([]byte(name))
	return binary.LittleEndian.Uint64(sum[:])
}

// HoldOut holds a share of each class out of the images, one at least of a class that has
// two: the first ones. If they are in the order of their NameHash, most images stay in
// their split when others come or go. Both parts keep the images' order.
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
