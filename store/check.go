package store

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/ledger"
	"qrposd/store/queue"
	"qrposd/store/record"
)

// Violation is something in a file that should not be: where, and what it means.
type Violation struct {
	Where string
	What  string
}

func (v Violation) String() string { return v.Where + ": " + v.What }

// Report is what a check has seen of a file.
//
// budget: one line for each thing that is counted
type Report struct {
	Path      string
	Identity  string
	Layout    int
	Bytes     int64
	FreePages int
	Sales     int
	Entries   int
	Postings  int
	Jobs      int
	Retired   int
	Once      int
	Codes     int
	Epochs    int     // keys of liveness digests that are kept
	Digests   int     // of liveness checks
	Purges    []Purge // of them, so far
	Receipts  int     // of sales without the provider
	Cases     int     // for the owner
	OpenCases int     // of them, that wait

	Days        int      // that were closed
	DayKeys     [][]byte // that signed them, the oldest first
	DrawerLines int

	Archives     int   // beside the file
	ArchiveBytes int64 // of them together
	Unchecked    bool  // the archives were not looked at

	Head       string
	Restores   []RestoreRecord // the times that the file was put back from a backup
	Violations []Violation
}

// Err is nil for a file without violations, else ErrCorrupt with the first.
func (r Report) Err() error {
	switch n := len(r.Violations); n {
	case 0:
		return nil
	case 1:
		return ErrCorrupt.becausef("%s", r.Violations[0])
	default:
		return ErrCorrupt.becausef("%s (and %d more)", r.Violations[0], n-1)
	}
}

// CheckFile reads all of a file that no daemon has open: bbolt's pages, every
// value's checksum, the chain, and the invariants of sales, money and jobs as
// far as a file can show them. It never writes. An error means that there was
// nothing to check; what was found wrong is in the report.
//
// A disk that fails while it is read can kill the process: its pages are mapped.
// Where that matters, use CheckInChild.
func CheckFile(path string) (Report, error) { return checkFile(path, true) }

// CheckAlone is CheckFile without the archives: what a start has to know, in a time
// that does not grow with the years. A sale whose first lines are in an archive is held
// against its last one only.
func CheckAlone(path string) (Report, error) { return checkFile(path, false) }

func checkFile(path string, deep bool) (r Report, err error) {
	r.Path, r.Unchecked = path, !deep
	if r.Layout, err = inspect(path); err != nil {
		return r, err
	}
	if r.Layout < len(migrations) {
		return r, ErrForeign.becausef("it has layout %d; open it with the daemon once, then it has %d", r.Layout, len(migrations))
	}
	if err := examine(path, (*structure).deep); err != nil {
		r.bad("pages", err.Error())
		return r, nil // nothing that is read through broken pages means anything
	}
	db, err := openFile(path, true, 0)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			r.bad("pages", err.Error())
		}
		if len(r.Violations) > 0 {
			return nil
		}
		r.Bytes, r.FreePages = tx.Size(), db.Stats().FreePageN
		c := checker{
			tx: tx, r: &r, lines: make(map[sale.ID][]uint64), live: make(map[sale.ID]bool), keys: make(map[string]bool), mismatched: make(map[string]sale.Instant), own: newUnprovided(),
			deep: deep, old: &archives{dir: filepath.Dir(path)}, carried: make(map[sale.ID]carried), partly: make(map[sale.ID]bool),
		}
		return c.all()
	})
	return r, err
}

func (r *Report) bad(where, what string) {
	r.Violations = append(r.Violations, Violation{where, what})
}

// checker holds one file against what Commit would have written.
type checker struct {
	tx    *bbolt.Tx
	r     *Report
	lines map[sale.ID][]uint64 // each sale's lines in the journal
	live  map[sale.ID]bool     // sales with a live job
	keys  map[string]bool      // idempotency keys of attempts
	last  sale.Instant         // of the journal
	own   unprovided

	codesSpent int                     // by attempts
	mismatched map[string]sale.Instant // orders, since when they are disagreed with

	deep    bool // the archives are looked at
	old     *archives
	carried map[sale.ID]carried // by the archives' lines
	partly  map[sale.ID]bool    // sales whose first lines were not looked at
	here    int                 // sales of the file
}

func (c *checker) all() error {
	if !c.buckets() {
		return nil
	}
	origin := c.identity()
	put, err := loadRestores(c.tx)
	if err != nil {
		c.r.bad("meta/restored", err.Error())
	}
	c.r.Restores = put
	if !c.catalogue() {
		return nil
	}
	c.archives(origin)
	l := last(c.old.list())
	c.r.Entries = int(l.To)
	ledger.Verify(c.tx, origin, c.r.bad, func(seq uint64, line ledger.Line) {
		c.last = line.Event.At
		if seq > l.To {
			c.r.Entries++
			if line.Event.Kind == sale.Begun {
				c.r.Sales++
			}
		} else if c.deep {
			return // the archive has it, too, and it was carried on
		}
		c.own.line(line)
		c.lines[line.Sale] = append(c.lines[line.Sale], seq)
	})
	c.chain()
	for _, s := range c.old.list() {
		c.r.Postings += s.Legs
	}
	if err := ledger.LegsAfter(c.tx, l.To, func(uint64, sale.ID, sale.Posting) error { c.r.Postings++; return nil }); err != nil {
		c.r.bad("posting", err.Error())
	}
	if head, err := ledger.Tip(c.tx); err == nil {
		c.r.Head = head.Link.String()
	}
	c.clock()
	q := queue.Verify(c.tx, c.r.bad, c.job)
	c.r.Jobs, c.r.Retired = q.Live, int(q.Forgotten)+q.Retired
	if q.Forgotten > l.Retired {
		c.r.bad("retired", fmt.Sprintf("%d jobs were forgotten, the archives have %d", q.Forgotten, l.Retired))
	}
	return errors.Join(c.sales(), c.begun(), c.once(), c.codes(), c.tallies(), c.audits(), c.unprovided(), c.cases(), c.days())
}

// buckets says whether the file has exactly those that it should.
func (c *checker) buckets() bool {
	want := append(ledger.Buckets(), queue.Buckets()...)
	for _, name := range [][]byte{metaBucket, saleBucket, begunBucket, onceBucket, codeBucket, tallyBucket, auditBucket, caseBucket, offlineBucket, dayBucket, archiveBucket} {
		want = append(want, string(name))
	}
	whole := true
	for _, name := range want {
		if c.tx.Bucket([]byte(name)) == nil {
			c.r.bad(name, "the bucket is missing")
			whole = false
		}
	}
	_ = c.tx.ForEach(func(name []byte, _ *bbolt.Bucket) error { // the function does not fail
		if !slices.Contains(want, string(name)) {
			c.r.bad(fmt.Sprintf("%q", name), "nobody knows this bucket")
		}
		return nil
	})
	return whole
}

func (c *checker) identity() []byte {
	var id identity
	if err := getMeta(c.tx, identityKey, &id); err != nil {
		c.r.bad("meta/identity", err.Error())
	}
	origin, err := hex.DecodeString(id.ID)
	if err != nil || len(origin) != 16 {
		c.r.bad("meta/identity", "it is no 128-bit number")
	}
	c.r.Identity = id.ID
	return origin
}

func (c *checker) clock() {
	var saved reading
	if err := getMeta(c.tx, clockKey, &saved); err != nil {
		c.r.bad("meta/clock", err.Error())
	} else if saved.At < c.last {
		c.r.bad("meta/clock", "it is behind the last line of the journal")
	}
}

func (c *checker) job(j queue.Job) {
	if j.Topic != drive {
		c.r.bad(fmt.Sprintf("job/%q", j.Topic), "nobody knows this topic")
		return
	}
	c.live[sale.ID(j.Key)] = true
	if c.tx.Bucket(saleBucket).Get([]byte(j.Key)) == nil {
		c.r.bad(fmt.Sprintf("job/%q", j.Key), "there is no such sale")
	}
}

// begun holds the index of sales by time against the sales. That each sale is in
// it at its place, shape has seen; here it must have no more.
func (c *checker) begun() error {
	b := c.tx.Bucket(begunBucket)
	n := 0
	err := b.ForEach(func(k, value []byte) error {
		n++
		id, err := record.Open(k, value)
		if err != nil {
			c.r.bad(fmt.Sprintf("begun/%x", k), err.Error())
		} else if c.tx.Bucket(saleBucket).Get(id) == nil {
			c.r.bad(fmt.Sprintf("begun/%x", k), fmt.Sprintf("there is no sale %q", id))
		}
		return nil
	})
	if skipped := restores(c.r.Restores).skipped(); n != c.here || b.Sequence() != uint64(c.r.Sales)+skipped {
		c.r.bad("begun", fmt.Sprintf("I4: %d numbers were given out, %d left out, %d sales began; the index has %d sales, the file %d", b.Sequence(), skipped, c.r.Sales, n, c.here))
	}
	return err
}

// once holds the callers' keys against the sales they made and the cases they closed.
func (c *checker) once() error {
	return c.tx.Bucket(onceBucket).ForEach(func(k, value []byte) error {
		c.r.Once++
		var was spent
		if err := record.Unmarshal(k, value, &was); err != nil {
			c.r.bad(fmt.Sprintf("once/%x", k), err.Error())
		} else if was.Day != 0 && c.tx.Bucket(dayBucket).Get(dayAt(dayClosed, uint64(was.Day))) == nil || was.Drawer != 0 && c.tx.Bucket(dayBucket).Get(dayAt(dayDrawer, was.Drawer)) == nil {
			c.r.bad(fmt.Sprintf("once/%x", k), "there is no such day, or line about a drawer")
		} else if was.Case != 0 && c.tx.Bucket(caseBucket).Get(caseAt(caseRecord, was.Case)) == nil {
			c.r.bad(fmt.Sprintf("once/%x", k), fmt.Sprintf("there is no case %d", was.Case))
		} else if was.Case == 0 && was.Day == 0 && was.Drawer == 0 && !c.exists(was.Sale) {
			c.r.bad(fmt.Sprintf("once/%x", k), fmt.Sprintf("there is no sale %q", was.Sale))
		}
		return nil
	})
}

// codes counts the spent payer codes: each attempt's own, shape has seen.
func (c *checker) codes() error {
	here := 0
	err := c.tx.Bucket(codeBucket).ForEach(func(k, value []byte) error {
		here++
		if _, err := record.Open(k, value); err != nil {
			c.r.bad(fmt.Sprintf("code/%q", k), err.Error())
		}
		return nil
	})
	if c.r.Codes += here; here != c.codesSpent {
		c.r.bad("code", fmt.Sprintf("%d codes were spent, %d are marked", c.codesSpent, here))
	}
	return err
}
