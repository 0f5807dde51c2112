package stream

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/bustest"
	"github.com/jumpring/jumpring/bus/rabbit/rabbittest"
)

func TestJournal(t *testing.T) {
	url := shared.Vhost(t)
	bustest.RunJournal(t, func(t *testing.T) func() bus.Journal {
		o := testOptions(rabbittest.Name(t, "journal")[len("TestJournal-"):], url)
		if len(o.Name) > 150 {
			o.Name = o.Name[len(o.Name)-150:]
		}
		return func() bus.Journal {
			j, err := Open(t.Context(), o)
			require.NoError(t, err)
			return j
		}
	})
}

func TestJournalWithoutCache(t *testing.T) {
	url := shared.Vhost(t)
	bustest.RunJournal(t, func(t *testing.T) func() bus.Journal {
		o := testOptions(rabbittest.Name(t, "cold")[len("TestJournalWithoutCache-"):], url)
		o.CacheBytes = 1 // one message: everything else is read from the broker
		return func() bus.Journal {
			j, err := Open(t.Context(), o)
			require.NoError(t, err)
			return j
		}
	})
}
