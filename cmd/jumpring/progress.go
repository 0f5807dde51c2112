package main

import (
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// bar shows how far a long work is, at a terminal; elsewhere it shows nothing.
type bar struct {
	all *mpb.Progress
	one *mpb.Bar
}

func (c *console) progress(name string) *bar {
	if !c.terminal {
		return &bar{}
	}
	all := mpb.New(mpb.WithOutput(c.err), mpb.WithWidth(48))
	one := all.AddBar(0, mpb.PrependDecorators(decor.Name(name+" ")), mpb.AppendDecorators(decor.CountersNoUnit("%d / %d"), decor.Elapsed(decor.ET_STYLE_GO, decor.WCSyncSpace)))
	return &bar{all, one}
}

func (b *bar) at(done, total int64) {
	if b.one != nil {
		b.one.SetTotal(max(total, done), false)
		b.one.SetCurrent(done)
	}
}

// done fills the bar.
func (b *bar) done() {
	if b.one != nil {
		b.one.SetTotal(-1, true)
	}
}

// end waits until the last state is drawn.
func (b *bar) end() {
	if b.one != nil {
		b.one.Abort(false)
		b.all.Wait()
	}
}
