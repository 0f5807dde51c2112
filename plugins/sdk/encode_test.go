package sdk

import (
	"context"
	"encoding/json"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/jumpring/jumpring/core/canon"
	connectorv1 "github.com/jumpring/jumpring/plugins/proto"
)

// fill sets every field below v to a value of its own.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), n)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 1, 1, 0, 0, *n, 1000, time.UTC)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.String:
		v.SetString("é<&>\u2028\"" + strconv.Itoa(*n))
	case reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Bool:
		v.SetBool(true)
	default:
		panic("a kind of field that the test does not know: " + v.Kind().String())
	}
}

// states gives one full observation of each kind.
func states(t *testing.T) []canon.Observation {
	var out []canon.Observation
	n := 0
	for _, kind := range canon.Kinds() {
		o := canon.Observation{Kind: kind, ExternalID: "id-" + string(kind), SourceVersion: 5, Hidden: []string{"cost"}}
		v := reflect.ValueOf(&o).Elem()
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.Type.Kind() == reflect.Pointer && f.Tag.Get("json") == string(kind)+",omitempty" {
				fill(v.Field(i), &n)
			}
		}
		require.NoError(t, o.Check(), kind)
		out = append(out, o)
	}
	return out
}

func TestObservationsArriveAsTheyWere(t *testing.T) {
	for _, o := range states(t) {
		before, err := json.Marshal(o)
		require.NoError(t, err)
		wire, err := encodeObservation(&o)
		require.NoError(t, err)
		after, err := json.Marshal(o)
		require.NoError(t, err)
		require.Equal(t, string(before), string(after), "the connector's own value stays")

		var got canon.Observation
		require.NoError(t, json.Unmarshal(wire.GetData(), &got))
		hasPerson := o.Kind == canon.KindCustomer || o.Kind == canon.KindOrder
		require.Equal(t, hasPerson, len(wire.GetPersonal()) > 0, o.Kind)
		if hasPerson {
			require.Nil(t, got.DetachPersonal(), "personal fields are in their own section alone")
			var person canon.PersonState
			require.NoError(t, json.Unmarshal(wire.GetPersonal(), &person))
			got.AttachPersonal(&person)
		}
		require.Equal(t, o, got)
		require.Equal(t, string(o.Kind), wire.GetKind())
		require.Equal(t, o.ExternalID, wire.GetExternalId())
	}
}

func TestMalformedObservationsAreRefused(t *testing.T) {
	for name, o := range map[string]canon.Observation{
		"no id":        {Kind: canon.KindOrder, Order: &canon.OrderState{}},
		"no state":     {Kind: canon.KindOrder, ExternalID: "1"},
		"odd id":       {Kind: canon.KindOrder, ExternalID: "\xff", Deleted: true},
		"unknown kind": {Kind: "till", ExternalID: "1", Deleted: true},
	} {
		_, err := encodeObservation(&o)
		var e *Error
		require.ErrorAs(t, err, &e, name)
		require.Equal(t, CodeBadObservation, e.Code, name)
	}
}

type echoConnector struct{}

func (echoConnector) Describe(context.Context, *DescribeRequest) (*DescribeResponse, error) {
	return &DescribeResponse{Name: "echo"}, nil
}

func (echoConnector) Open(context.Context, *OpenRequest) (*OpenResponse, error) {
	return &OpenResponse{}, nil
}

func (echoConnector) Close(context.Context, *CloseRequest) (*CloseResponse, error) {
	return &CloseResponse{}, nil
}

func (echoConnector) HandleWebhook(_ context.Context, r *WebhookRequest) (*WebhookResponse, error) {
	if r.Method == "PANIC" {
		panic(r)
	}
	return &WebhookResponse{
		Verdict: VerdictAccepted, Reason: r.Path + r.Query, DeliveryID: r.Header("Id"), Body: r.Body,
		Touched: []canon.Ref{{Kind: canon.Kind(r.Method), ExternalID: r.Path}},
	}, nil
}

// Whatever bytes a hub or a platform sends, a delivery gives one result of its id that can be written.
func FuzzHandleDelivery(f *testing.F) {
	for _, d := range []*connectorv1.Delivery{
		{Id: 1, Method: []byte("POST"), Path: []byte("/x"), Body: []byte("{}"), Headers: []*connectorv1.Header{{Key: []byte("Id"), Values: [][]byte{[]byte("7")}}}},
		{Id: 2, Method: []byte("PANIC"), DeadlineMillis: -1},
		{Id: 3, Query: []byte{0xff}, Headers: []*connectorv1.Header{{Key: []byte("Id")}}},
	} {
		seed, err := proto.Marshal(&connectorv1.HandleWebhookRequest{Deliveries: []*connectorv1.Delivery{d}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	s := newServer(func() Connector { return echoConnector{} }, hclog.NewNullLogger())
	f.Fuzz(func(t *testing.T, b []byte) {
		var batch connectorv1.HandleWebhookRequest
		if proto.Unmarshal(b, &batch) != nil {
			return
		}
		for _, d := range batch.GetDeliveries() {
			r := s.handleDelivery(t.Context(), d)
			if r.GetId() != d.GetId() {
				t.Fatalf("id %d became %d", d.GetId(), r.GetId())
			}
			if (r.GetError() == nil) == (r.GetVerdict() == "") {
				t.Fatalf("neither verdict nor error, or both: %v", r)
			}
			if _, err := proto.Marshal(r); err != nil {
				t.Fatalf("the result can't be written: %v", err)
			}
		}
	})
}
