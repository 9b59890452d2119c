package powercut

import (
	"bytes"
	"maps"
	"slices"
)

// content is that of a file, which is zeros after what was written: most of a new store is.
type content struct {
	data []byte
	size int
}

// durable is what a disk has for good, and what it was told and has not flushed.
type durable struct {
	names   map[string]*file
	content map[*file]content
	waiting map[*file][][]op // by flush of that file; nil is the directory
	order   []op             // all that waits, as it came
	own     map[*file]bool   // contents that nobody else looks at
}

func newDurable() *durable {
	return &durable{names: map[string]*file{}, content: map[*file]content{}, waiting: map[*file][][]op{}, own: map[*file]bool{}}
}

// whose flush an op waits for.
func (o op) whose() *file {
	if o.ofNames() {
		return nil
	}
	return o.file
}

// take is told an op. A flush is of one file, or of the directory, and comes true as
// many flushes later as the disk lies by.
func (d *durable) take(o op, lag int) {
	w := d.waiting[o.whose()]
	if o.kind != flush {
		if len(w) == 0 {
			w = append(w, nil)
		}
		w[len(w)-1] = append(w[len(w)-1], o)
		d.waiting[o.whose()], d.order = w, append(d.order, o)
		return
	}
	w = append(w, nil)
	for len(w) > lag+1 {
		for _, o := range w[0] {
			d.apply(o, -1)
		}
		w = w[1:]
	}
	d.waiting[o.whose()] = w
	d.forget()
}

// forget takes what is flushed out of what waits, each file's in the order in which
// they came.
func (d *durable) forget() {
	left := map[*file]int{}
	for f, w := range d.waiting {
		for _, ops := range w {
			left[f] += len(ops)
		}
	}
	var still []op
	for _, o := range slices.Backward(d.order) {
		if left[o.whose()] > 0 {
			left[o.whose()]--
			still = append(still, o)
		}
	}
	slices.Reverse(still)
	d.order = still
}

// clone is what the power may leave, before any of what waits.
func (d *durable) clone() *durable {
	clear(d.own)
	return &durable{names: maps.Clone(d.names), content: maps.Clone(d.content), own: map[*file]bool{}}
}

// apply does part of an op: all of it where part is negative.
func (d *durable) apply(o op, part int) {
	c := d.content[o.file]
	switch o.kind {
	case give:
		delete(d.names, o.was)
		d.names[o.text] = o.file
		return
	case take:
		delete(d.names, o.text)
		return
	case resize:
		c.size = int(o.at)
		end := min(len(c.data), c.size)
		d.content[o.file] = content{c.data[:end:end], c.size}
		return
	}
	data := o.data
	if part >= 0 {
		data = data[:min(part, len(data))]
	}
	if !d.own[o.file] {
		c.data, d.own[o.file] = bytes.Clone(c.data), true
	}
	if n := int(o.at) + len(data) - len(c.data); n > 0 {
		c.data = append(c.data, make([]byte, n)...)
	}
	copy(c.data[o.at:], data)
	c.size = max(c.size, len(c.data))
	d.content[o.file] = c
}

// files are the contents by name.
func (d *durable) files() map[string]content {
	clear(d.own)
	files := map[string]content{}
	for name, f := range d.names {
		files[name] = d.content[f]
	}
	return files
}

// only is what a log says of the files that have such a name at any time, and every word.
func only(log []op, named func(string) bool) []op {
	of := map[*file]bool{}
	for _, o := range log {
		if o.kind == give && named(o.text) {
			of[o.file] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(log), func(o op) bool {
		return o.kind != word && !of[o.file] && (o.file != nil || o.kind != flush)
	})
}
