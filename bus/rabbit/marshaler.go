package rabbit

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wamqp "github.com/ThreeDotsLabs/watermill-amqp/v2/pkg/amqp"
	"github.com/ThreeDotsLabs/watermill/message"
	amqp "github.com/rabbitmq/amqp091-go"
)

// Marshaler turns Watermill's messages into AMQP ones, in watermill-amqp's own format, and back. Unlike that library's it
// takes any message: headers that are no strings, the broker's (x-death, x-delivery-count) or a foreign publisher's,
// become metadata as text.
type Marshaler struct{}

var _ wamqp.Marshaler = Marshaler{}

// Marshal makes a persistent message whose id is the message's UUID.
func (Marshaler) Marshal(msg *message.Message) (amqp.Publishing, error) {
	p, err := wamqp.DefaultMarshaler{}.Marshal(msg)
	if len(msg.UUID) <= 255 { // the most that AMQP allows; the header takes any
		p.MessageId = msg.UUID
	}
	return p, err
}

// Unmarshal never fails. A message without UUID has its message id, or else a new UUID.
func (Marshaler) Unmarshal(d amqp.Delivery) (*message.Message, error) {
	id, _ := d.Headers[wamqp.DefaultMessageUUIDHeaderKey].(string)
	if id == "" {
		id = d.MessageId
	}
	if id == "" {
		id = watermill.NewUUID()
	}
	msg := message.NewMessage(id, d.Body)
	for name, value := range d.Headers {
		if name != wamqp.DefaultMessageUUIDHeaderKey {
			msg.Metadata[name] = headerText(value)
		}
	}
	return msg, nil
}

// headerText writes a header's value: texts as they are, numbers in decimal, times by RFC 3339, tables and lists as JSON.
func headerText(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return string(v)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	case amqp.Table, []any:
		if text, err := json.Marshal(v); err == nil {
			return string(text)
		}
	}
	return fmt.Sprint(value)
}
