package modelfile

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A message in a message takes two bytes of a file when it is empty and some
// hundreds of memory when it is decoded. The largest published models have a
// tenth of this many.
const (
	maxMessages = 1 << 18
	maxDepth    = 100
)

// countMessages takes the messages in data, which are those of the type, from
// left, and returns an error when none are left. What cannot be read as protobuf
// is told when it is decoded.
func countMessages(data []byte, of protoreflect.MessageDescriptor, left *int, depth int) error {
	if depth == 0 {
		return fmt.Errorf("its parts are nested more than %d deep", maxDepth)
	}
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return nil
		}
		length := protowire.ConsumeFieldValue(number, kind, data[n:])
		if length < 0 {
			return nil
		}
		if field := of.Fields().ByNumber(number); kind == protowire.BytesType && field != nil && field.Message() != nil {
			if *left--; *left < 0 {
				return fmt.Errorf("it has more than %d nodes, values, attributes and other parts", maxMessages)
			}
			inner, _ := protowire.ConsumeBytes(data[n : n+length])
			if err := countMessages(inner, field.Message(), left, depth-1); err != nil {
				return err
			}
		}
		data = data[n+length:]
	}
	return nil
}
