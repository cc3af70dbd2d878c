//go:build cgo

package session

import (
	"errors"
	"fmt"
)

// mixed holds the second labels of a batch's images and the shares of their first labels.
// Both are nil if the images are not mixed.
type mixed struct {
	second []int64
	shares []float32
}

// check returns an error if m does not fit a batch with these labels.
func (m mixed) check(t *Trainer, labels []int64) error {
	switch {
	case m.second == nil && m.shares == nil:
		return nil
	case t.second == nil:
		return errors.New("there are second labels, but the training model does not mix images")
	case len(m.second) != len(labels) || len(m.shares) != len(labels):
		return fmt.Errorf("%d second labels and %d shares for %d labels", len(m.second), len(m.shares), len(labels))
	}
	return checkMixed(m.second, m.shares)
}

// feed sets the inputs for the micro-batch that begins with image number from.
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
