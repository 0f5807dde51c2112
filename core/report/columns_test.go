package report

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATableHasEveryFigureOfItsReport(t *testing.T) {
	seen := map[string]bool{}
	for name := range reports {
		for _, c := range Columns(name, true) {
			seen[c] = true
		}
		require.NotEmpty(t, Columns(name, false), name)
		require.NotContains(t, Columns(name, false), "cost_minor")
		require.NotContains(t, Columns(name, false), "pieces_costed")
	}
	typ := reflect.TypeFor[Line]()
	for i := range typ.NumField() {
		f := typ.Field(i)
		if f.Type.Kind() != reflect.Int64 {
			continue
		}
		name := f.Tag.Get("json")[:len(f.Tag.Get("json"))-len(",omitempty")]
		require.True(t, seen[name], "%s stands in no table", name)
		var l Line
		reflect.ValueOf(&l).Elem().Field(i).SetInt(7)
		require.Equal(t, int64(7), l.Figure(name), name)
	}
}

func TestATableIsTheReport(t *testing.T) {
	a := Answer{Name: Inventory, By: ByMetal, Rows: []Line{{Key: "gold", Currency: "EUR", Pieces: 3, Value: 1234_50, Cost: 600_00, Costed: 2}, {Key: None, Currency: "JPY", Pieces: 1, Value: 900}}}
	head, lines := a.Table(true)
	require.Equal(t, []string{"metal", "currency", "pieces", "value", "cost", "pieces_costed", "pieces_unpriced", "pieces_of_others"}, head)
	require.Equal(t, [][]string{{"gold", "EUR", "3", "1234.50", "600.00", "2", "0", "0"}, {None, "JPY", "1", "900", "0", "0", "0", "0"}}, lines)
	head, lines = a.Table(false)
	require.NotContains(t, head, "cost")
	require.NotContains(t, lines[0], "600.00")
	turned := Answer{Name: Turnover, By: ByCategory, Rows: []Line{{Key: "ring", Pieces: 4, OnHand: 8, Turnover: 1250}}}
	head, lines = turned.Table(false)
	require.Equal(t, []string{"category", "pieces", "pieces_back", "on_hand", "turnover"}, head)
	require.Equal(t, [][]string{{"ring", "4", "0", "8", "1.250"}}, lines)
}
