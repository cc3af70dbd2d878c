//go:build cgo

package session

import (
	"errors"
	"fmt"
)

// mixed are the second labels of a batch's images and the shares of the first ones; both
// are nil where the images are whole.
type mixed struct {
	second []int64
	shares []float32
}

// check tells what is wrong with them for a batch of the labels.
func (m mixed) check(t *Trainer, labels []int64) error {
	switch {
	case m.second == nil && m.shares == nil:
		return nil
	case t.second == nil:
		return errors.New("second labels for a training model that does not mix images")
	case len(m.second) != len(labels) || len(m.shares) != len(labels):
		return fmt.Errorf("%d second labels and %d shares for %d labels", len(m.second), len(m.shares), len(labels))
	}
	return checkMixed(m.second, m.shares)
}

// feed sets the inputs of the micro-batch that begins with the image from.
func (m mixed) feed(t *Trainer, labels []int64, from int) {
	if t.second == nil {
		return
	}
	if m.second != nil {
		copy(t.second.GetData(), m.second[from:])
		copy(t.share.GetData(), m.shares[from:])
		return
	}
	copy(t.second.GetData(), labels[from:])
	for i := range t.share.GetData() {
		t.share.GetData()[i] = 1
	}
}
