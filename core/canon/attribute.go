package canon

// AttributeType is how the values of a custom attribute read.
type AttributeType string

// The types of attributes.
const (
	AttributeText    AttributeType = "text"
	AttributeInteger AttributeType = "integer"
	AttributeDecimal AttributeType = "decimal" // up to three digits after the point
	AttributeBoolean AttributeType = "boolean"
	AttributeEnum    AttributeType = "enum"
	AttributeDate    AttributeType = "date"
)

// AttributeTypes lists every type.
func AttributeTypes() []AttributeType {
	return []AttributeType{AttributeText, AttributeInteger, AttributeDecimal, AttributeBoolean, AttributeEnum, AttributeDate}
}

// AttributeDef defines a custom attribute: what sources may say under which names, and what the hub makes of it. The
// definitions are part of the settings, so the journal says under which a value was read.
type AttributeDef struct {
	Code string        `json:"code"` // lower case letters, digits and _
	Name string        `json:"name,omitempty"`
	Type AttributeType `json:"type"`
	// Unit is that of a number (mm, g, ct …). A value stated in another one of the same measure is converted.
	Unit string `json:"unit,omitempty"`
	// Enum lists the values of an enumeration, with the words that sources have for each beside it.
	Enum []AttributeValue `json:"enum,omitempty"`
	// Multi tells that an item may have several values; they are united over all sources.
	Multi bool `json:"multi,omitempty"`
	// Searchable tells that items are found by it.
	Searchable bool `json:"searchable,omitempty"`
	// Channels maps a connection to the code that it has for this attribute; another connection uses Code itself.
	Channels map[string]string `json:"channels,omitempty"`
}

// AttributeValue is one value of an enumeration.
type AttributeValue struct {
	Value string   `json:"value"`
	Words []string `json:"words,omitempty"`
}

// Attribute is a custom attribute of an item, from the first source in the order of authority that states it, or one
// value of several where its definition says so.
type Attribute struct {
	Code string `json:"code" class:"public"`
	// Value is in the form that the definition asks for; the source's words where there is no definition or they could
	// not be read by it.
	Value string `json:"value" class:"public"`
	// Number is the value of an integer or a decimal in thousandths of Unit.
	Number *int64 `json:"number,omitempty" class:"public"`
	Unit   string `json:"unit,omitempty" class:"public"`
	Raw    string `json:"raw,omitempty" class:"public"` // the source's words, where Value is not the same
	// Unread tells that a definition exists and the words do not fit it.
	Unread bool `json:"unread,omitempty" class:"public"`
}

// Attribute gives the definition that a connection's code means; nil when there is none.
func (s *Settings) Attribute(connection, code string) *AttributeDef {
	for i := range s.Attributes {
		d := &s.Attributes[i]
		theirs, mapped := d.Channels[connection]
		if mapped && theirs == code || !mapped && d.Code == code {
			return d
		}
	}
	return nil
}
