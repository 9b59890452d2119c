package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"path/filepath"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/ledger"
	"qrposd/store/record"
)

// A store is built again from its lines as the sales were made: each is applied to the
// sale that the lines before it have left, and what comes out must have the digest that
// the line names. So every sale is as it was, to the byte, or the line is not proven; a
// sale is taken as far as it is, and told that the rest of its record is lost.
//
// Where no line is missing and none is unproven, the new file is the old one: it has its
// name, its chain and its archives (adopt.go). Else it has a name of its own, since its
// chain is another, and all that is proven is in the file.

// Salvaged is what became of a damaged store.
type Salvaged struct {
	Cause    string   `json:"cause"`              // what was wrong with it
	Lines    uint64   `json:"lines"`              // that were recovered
	Ring     uint64   `json:"ring"`               // lines that the second record had
	Missing  uint64   `json:"missing"`            // lines between them that nothing has
	Unproven uint64   `json:"unproven,omitempty"` // lines that are there, of sales whose beginning is not
	Short    []string `json:"short,omitempty"`    // some of the sales that are cut short, or of which only the number is known
	Archives int      `json:"archives,omitempty"` // older parts that are used as they are
	Trusted  int      `json:"trusted,omitempty"`  // of them, on the proof that they carry
	Unread   int      `json:"unread,omitempty"`   // older parts that can be read in part only: keys that were used may be free again
	Whole    bool     `json:"whole"`              // no line that was acknowledged is missing
	Books    bool     `json:"books"`              // what people entered about days, drawers and cases is there
}

// maxShort bounds how many sales are named.
const maxShort = 50

// rebuild is one try at a new file.
type rebuild struct {
	*evidence
	adopts  bool // the archives
	trusts  bool // those that ended long ago, whose lines are not applied again
	walk    walk // through them
	db      *DB
	done    Salvaged
	short   map[sale.ID]bool
	head    ledger.Head // of the old chain
	sales   uint64
	highest uint64 // running number that was seen
	last    sale.Instant
}

// build makes a file of what is proven. It is tried as the old file, then under a new
// name, and then without the books; what comes out has passed the check.
func (e *evidence) build(ctx context.Context, temp string, o Options, q Recovering) (r *rebuild, err error) {
	name := make([]byte, 16)
	if _, err := rand.Read(name); err != nil {
		return nil, err
	}
	other := false // it is another chain
	for _, try := range []struct {
		origin              []byte
		books, adopt, trust bool
	}{
		{e.origin, true, true, true},
		{e.origin, false, true, true},
		{e.origin, true, true, false},
		{e.origin, true, false, false},
		{e.origin, false, true, false},
		{e.origin, false, false, false},
		{name, true, false, false},
		{name, false, false, false},
	} {
		if other && bytes.Equal(try.origin, e.origin) || try.adopt && len(e.ends) == 0 || try.trust && (q.replay || len(e.long()) == 0) {
			continue
		}
		r = &rebuild{evidence: e, adopts: try.adopt, trusts: try.trust, walk: walk{waiting: e.ends}, short: make(map[sale.ID]bool), head: ledger.Genesis(e.origin), done: Salvaged{Ring: e.inRing, Unread: e.unread, Books: try.books}}
		sweep(temp, "")
		if err = r.make(ctx, temp, o, try.origin, try.books); err != nil && !errors.Is(err, ErrCorrupt) {
			return nil, err
		}
		if err != nil {
			continue
		}
		if same := r.done.Missing+r.done.Unproven == 0; !same && bytes.Equal(try.origin, e.origin) {
			other = true // whatever else is tried
			continue
		}
		if err = r.check(temp); err == nil {
			r.done.Whole = r.done.Missing+r.done.Unproven == 0 && r.done.Unread == 0 && e.lastIn > 0 && e.tip <= r.done.Lines
			return r, nil
		}
	}
	return nil, err
}

// check is the whole one, but for archives that were proven as they were taken: reading
// all of a year once more takes ten times as long as taking it.
func (r *rebuild) check(temp string) error {
	look := CheckFile
	if r.done.Trusted > 0 {
		look = CheckAlone
	}
	report, err := look(temp)
	return errors.Join(err, report.Err())
}

func (r *rebuild) make(ctx context.Context, temp string, o Options, origin []byte, books bool) (err error) {
	bolt, err := openFile(temp, false, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bolt.Sync(), bolt.Close()) }()
	defer r.walk.close()
	bolt.NoSync = true // until it is whole
	r.db = &DB{path: temp, opts: o, bolt: bolt, clock: tillClock{src: o.Clock}, recall: recall{sales: make(map[sale.ID]remembered)}, past: past{old: archives{dir: filepath.Dir(temp)}}}
	if err := bolt.Update(func(tx *bbolt.Tx) error { return layOutAs(tx, origin) }); err != nil {
		return err
	}
	if r.trusts {
		err = bolt.Update(func(tx *bbolt.Tx) error { return r.db2(func(from *bbolt.Tx) error { return r.past(ctx, from, tx) }) })
	}
	for next := r.head.Seq + 1; err == nil && next != 0; {
		if err = ctx.Err(); err == nil {
			err = bolt.Update(func(tx *bbolt.Tx) error {
				return r.db2(func(from *bbolt.Tx) (err error) { next, err = r.lines(from, tx, next); return err })
			})
		}
	}
	if err != nil {
		return err
	}
	return bolt.Update(func(tx *bbolt.Tx) error {
		return r.db2(func(from *bbolt.Tx) error { return r.finish(from, tx, books) })
	})
}

func (r *rebuild) db2(fn func(*bbolt.Tx) error) error { return r.evidence.db.View(fn) }

// witness is a line as it was found. Of one number there may be several: what a power
// cut left of a commit lies beside what was committed in its place.
type witness struct {
	link ledger.Link
	body []byte
}

func (r *rebuild) witnesses(from *bbolt.Tx, seq uint64) []witness {
	list := r.walk.at(seq)
	k := binary.BigEndian.AppendUint64(nil, seq)
	c := from.Bucket(foundLines).Cursor()
	for key, body := c.Seek(k); bytes.HasPrefix(key, k); key, body = c.Next() {
		list = append(list, witness{ledger.Link(key[8:]), body})
	}
	return list
}

// from is the number of the first line from seq on that anything has, zero for none.
func (r *rebuild) from(from *bbolt.Tx, seq uint64) uint64 {
	r.walk.to(seq)
	first := r.walk.from(seq)
	if k, _ := from.Bucket(foundLines).Cursor().Seek(binary.BigEndian.AppendUint64(nil, seq)); k != nil {
		if at := binary.BigEndian.Uint64(k); first == 0 || at < first {
			first = at
		}
	}
	return first
}

// lines takes up to some lines from seq on, and says where to go on; zero is the end.
func (r *rebuild) lines(from, tx *bbolt.Tx, seq uint64) (next uint64, err error) {
	for range maxBatch {
		at := r.from(from, seq)
		if at == 0 {
			return 0, nil
		}
		r.walk.to(at)
		r.done.Missing += at - seq
		if err := r.line(tx, at, r.order(from, at)); err != nil {
			return 0, err
		}
		if r.adopts {
			if err := r.adopt(from, tx); err != nil {
				return 0, err
			}
		}
		seq = at + 1
	}
	return seq, nil
}

// order puts the witnesses that follow the line before first, and of them the one that
// is followed itself.
func (r *rebuild) order(from *bbolt.Tx, seq uint64) []witness {
	var first, then, others []witness
	for _, c := range r.witnesses(from, seq) {
		at := ledger.Head{Seq: seq, Link: c.link}
		switch {
		case seq != r.head.Seq+1 || !r.head.Follows(c.link, c.body):
			others = append(others, c)
		case r.followed(from, at):
			first = append(first, c)
		default:
			then = append(then, c)
		}
	}
	return append(append(first, then...), others...)
}

func (r *rebuild) followed(from *bbolt.Tx, at ledger.Head) bool {
	for _, c := range r.witnesses(from, at.Seq+1) {
		if at.Follows(c.link, c.body) {
			return true
		}
	}
	return false
}

// line applies the first witness that proves itself.
func (r *rebuild) line(tx *bbolt.Tx, seq uint64, list []witness) error {
	for _, c := range list {
		var line ledger.Line
		if json.Unmarshal(c.body, &line) != nil {
			continue
		}
		r.highest = max(r.highest, numberOf(r.db.opts.Till, line.Sale))
		before, after, ok := r.prove(tx, line)
		if !ok {
			continue
		}
		if err := r.record(tx, before, after, line); err != nil {
			return err
		}
		tip, err := ledger.Tip(tx)
		if err != nil {
			return err
		}
		if tip.Seq != seq || tip.Link != c.link {
			r.short[""] = true // the chain is another from here on
		}
		r.head, r.last = ledger.Head{Seq: seq, Link: c.link}, line.Event.At
		r.done.Lines++
		return nil
	}
	r.unproven(seq, list)
	return nil
}

func (r *rebuild) unproven(seq uint64, list []witness) {
	r.done.Unproven++
	if len(list) == 0 {
		return
	}
	r.head = ledger.Head{Seq: seq, Link: list[0].link}
	var line ledger.Line
	if json.Unmarshal(list[0].body, &line) == nil {
		r.name(line.Sale)
	}
}

// name says of a sale that not all of it is there.
func (r *rebuild) name(id sale.ID) {
	if len(r.done.Short) < maxShort && !r.short[id] {
		r.short[id] = true
		r.done.Short = append(r.done.Short, string(id))
	}
}

// prove applies a line to its sale. What comes out has the digest that the line names.
func (r *rebuild) prove(tx *bbolt.Tx, line ledger.Line) (before, after sale.Sale, ok bool) {
	if numberOf(r.db.opts.Till, line.Sale) == 0 || line.Event.At <= r.last {
		return before, after, false
	}
	before, err := r.db.load(tx, line.Sale)
	switch {
	case err == nil:
		after, err = before.Apply(line.Event)
	case errors.Is(err, ErrNotFound):
		var born sale.Sale
		err = r.db2(func(from *bbolt.Tx) error {
			body := from.Bucket(foundBirths).Get([]byte(line.Sale))
			if body == nil && line.Event.Kind == sale.Begun {
				body = r.walk.sale(line.Sale)
			}
			return json.Unmarshal(body, &born)
		})
		if err == nil {
			after, err = beginAgain(born, line.Event)
		}
	}
	if err != nil {
		return before, after, false
	}
	body, err := json.Marshal(after)
	digest := sha256.Sum256(body)
	return before, after, err == nil && bytes.Equal(digest[:], line.After)
}

// record writes what follows from a line, as the commit did that wrote it first.
func (r *rebuild) record(tx *bbolt.Tx, before, after sale.Sale, line ledger.Line) error {
	if before.ID == "" {
		k := begunKey(after.Begun)
		b := tx.Bucket(begunBucket)
		b.FillPercent = 0.9
		if err := b.Put(k, record.Seal(k, []byte(after.ID))); err != nil {
			return err
		}
		r.sales++
	} else if err := comeBack(tx, before); err != nil {
		return err
	}
	now := sale.Now{At: line.Event.At, Since: line.Event.At}
	return errors.Join(takeAgain(tx, after, line.Event), r.db.put(tx, before, after, line.Event, now, sale.Once{}))
}

// layOutAs makes a file of today's layout whose name is given.
func layOutAs(tx *bbolt.Tx, origin []byte) error {
	if err := layOutNamed(tx, origin); err != nil {
		return err
	}
	return errors.Join(migrate(tx, 1), putMeta(tx, identityKey, identity{hex.EncodeToString(origin)}))
}
