package modelfile

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Limits of protobuf messages. An empty nested message takes two bytes of a file
// but some hundred bytes of memory once it is decoded. The largest published
// models have a tenth of maxMessages.
const (
	maxMessages = 1 << 18
	maxDepth    = 100
)

// countMessages subtracts the number of messages nested in data, a message of this
// type, from left. It returns an error when left falls below 0, or when messages are
// nested more than depth deep. It ignores what is not valid protobuf; decoding will
// report it.
func countMessages(data []byte, message protoreflect.MessageDescriptor, left *int, depth int) error {
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
		if field := message.Fields().ByNumber(number); kind == protowire.BytesType && field != nil && field.Message() != nil {
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
