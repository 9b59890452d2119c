package powercut

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/salvage"
)

const (
	storeName = "till.db"
	sales     = 10 // a till sells, and then the next one does: a check costs what there is to check
	asTill    = "QRPOSD_POWERCUT_DIR"
	fault     = "QRPOSD_POWERCUT_FAULT"
	withRing  = "QRPOSD_POWERCUT_RING"
	ringName  = "till.db.salvage"
	isSmall   = "QRPOSD_POWERCUT_SMALL"
	refused   = "refused" // the word for what was not recorded for want of room
)

// The bugs that are planted to see whether anybody notices.
const (
	noFlush = "no flush"       // the store does not wait for the disk
	blind   = "no intent"      // a charge leaves before it is on record
	lies    = "flushes no one" // the disk says that it has flushed and has not
	unsaved = "unsaved past"   // the disk says so of archives alone
	unnamed = "unnamed past"   // and of their names alone
	deaf    = "deaf"           // the till takes a commit that was refused for one that was not
	goesOn  = "goes on"        // the till takes a commit that failed for one that did not, and goes on
)

// TestMain lets the test binary be the till whose plug is pulled.
func TestMain(m *testing.M) {
	if dir := os.Getenv(asTill); dir != "" {
		if err := sell(dir, os.Getenv(fault)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// begin makes a sale under a caller's key, or gives the one that was made under it.
func begin(db *store.DB, key string) (sale.Sale, bool, error) {
	n := sale.New{Flow: sale.Payer, Amount: money.Money{Minor: 100, Currency: "CNY"}, Description: key, Operator: "c1"}
	return db.Begin(context.Background(), n, "session of "+key, sale.Once{Key: key})
}

// drive takes a sale as far as it goes by itself.
func drive(db *store.DB, s sale.Sale, p *provider, code bool, bug string, done func(sale.Sale)) (sale.Sale, error) {
	watch := sale.Watch{}
	for range 200 {
		watch.Code = code
		now := db.Now()
		step := s.Next(now, watch, quick())
		if step.Do == sale.Nothing || step.Do == sale.Conclude && s.State.Before() || step.Due.Sub(now.At) > time.Second {
			return s, nil
		}
		time.Sleep(step.Due.Sub(now.At))
		req := sale.NewRequest("POST", "/"+step.OrderNo+step.RefundNo, []byte(`{}`), sale.PayerCode{})
		early := bug == blind && step.Do == sale.Charge
		var ev sale.Event
		if early {
			ev = p.do(s, step)
		}
		if s.NeedsIntent(step) {
			got, is, err := commit(db, s, s.Intent(step, req, codeOf(step)), p, bug)
			if s = got; err != nil {
				return s, err
			}
			if !is {
				continue
			}
			done(s)
		}
		switch {
		case step.Do == sale.Conclude:
			ev = s.Conclusion(step)
		case !early:
			ev = p.do(s, step)
		}
		code = code && step.Do != sale.Charge
		watch.Note(step, ev, db.Now().At)
		if s.Ephemeral(ev) {
			continue
		}
		got, is, err := commit(db, s, ev, p, bug)
		if s = got; err != nil {
			return s, err
		}
		if is {
			done(s)
		}
	}
	return s, fmt.Errorf("%s does not end: %s", s.ID, s.State)
}

// leave moves a piece of what is old, as Tend does, which minds no failure.
func leave(db *store.DB) error {
	_, err := db.Rotate(context.Background())
	if errors.Is(err, store.ErrInDoubt) {
		return err
	}
	return nil
}

// commit records a fact and says whether it is recorded. One that is refused for want of
// room is not: the sale is as it was, and is asked what is to be done next.
func commit(db *store.DB, s sale.Sale, ev sale.Event, p *provider, bug string) (now sale.Sale, is bool, err error) {
	now, err = db.Commit(context.Background(), s.ID, ev, sale.Once{})
	switch {
	case err == nil:
		return now, true, nil
	case errors.Is(err, store.ErrFull):
		p.sent(refused, string(ev.Kind))
		if bug == deaf {
			ev.At = db.Now().At
			now, err = s.Apply(ev)
			return now, true, err
		}
	case bug == goesOn && errors.Is(err, store.ErrInDoubt):
		// What the store never does: it takes what it can read now for what is on the disk.
		doubt := reflect.ValueOf(db).Elem().FieldByName("state").FieldByName("doubt")
		(*atomic.Bool)(unsafe.Pointer(doubt.UnsafeAddr())).Store(false)
	default:
		return s, false, err
	}
	now, err = db.Sale(s.ID)
	return now, false, err
}

func options() store.Options {
	return store.Options{Till: "T1", Secret: []byte("merchant secret of a test"), Plan: quick(), Rotation: store.Rotation{Keep: 2, Batch: 2, After: 1}}
}

func open(path string) (*store.DB, error) { return store.Open(path, options()) }

// sell is the life of the till whose plug is pulled: it tells every word that it
// was given, and waits until the word is in the log.
func sell(dir, bug string) error {
	in := bufio.NewReader(os.Stdin)
	say := func(word, what string) {
		fmt.Println(word, what)
		if _, err := in.ReadByte(); err != nil {
			os.Exit(0) // nobody listens any more
		}
	}
	o := options()
	if os.Getenv(withRing) != "" {
		o.Salvage, o.SalvageSize = filepath.Join(dir, ringName), salvage.MinSize
	}
	if bug == goesOn {
		o.Exit = func(int) {}
	}
	db, err := store.Open(filepath.Join(dir, storeName), o)
	if errors.Is(err, unix.ENOSPC) {
		say(refused, "open")
		db, err = store.Open(filepath.Join(dir, storeName), o)
	}
	if err != nil {
		return err
	}
	if bug == noFlush {
		field := reflect.ValueOf(db).Elem().FieldByName("bolt")
		bolt := *(**bbolt.DB)(unsafe.Pointer(field.UnsafeAddr()))
		bolt.NoSync = true
	}
	p := newProvider()
	p.lose = func(n int) bool { return n%4 == 0 }
	p.sent = say
	done := func(s sale.Sale) {
		b, err := json.Marshal(s)
		if err != nil {
			panic(err)
		}
		say("done", string(b))
	}
	for i := range tillSales() {
		s, _, err := begin(db, fmt.Sprint("key", i))
		if errors.Is(err, store.ErrFull) {
			say(refused, "begin")
			s, _, err = begin(db, fmt.Sprint("key", i))
		}
		if err != nil {
			return err
		}
		done(s)
		if s, err = drive(db, s, p, true, bug, done); err != nil {
			return err
		}
		for range 4 { // older sales leave while others are made
			if err := leave(db); err != nil {
				return err
			}
		}
		if i%3 == 0 && s.State == sale.Paid {
			if err := giveBack(db, s, p, bug, done); err != nil {
				return err
			}
		}
	}
	return db.Close()
}

// giveBack refunds all of a sale.
func giveBack(db *store.DB, s sale.Sale, p *provider, bug string, done func(sale.Sale)) error {
	ev := sale.Event{Kind: sale.RefundRequested, OrderNo: s.Current().OrderNo, Amount: s.Amount, By: "c1"}
	s, is, err := commit(db, s, ev, p, bug)
	if !is && err == nil {
		s, is, err = commit(db, s, ev, p, bug)
	}
	if !is || err != nil {
		return err
	}
	done(s)
	_, err = drive(db, s, p, false, bug, done)
	return err
}

// tillSales is how many sales a till makes.
func tillSales() int {
	if os.Getenv(isSmall) != "" {
		return 6
	}
	return sales
}

// logOf lets a till sell on a recorded disk and gives the log.
func logOf(t *testing.T, bug string) []op {
	t.Helper()
	d, dir := mount(t)
	sellAt(t, d, dir, bug)
	return d.log
}

// sellAt lets a till sell in a directory and puts its words into a disk's log.
func sellAt(t *testing.T, d *disk, dir, bug string) {
	t.Helper()
	if text, err := sellUntil(t, d, dir, bug); err != nil {
		t.Fatalf("the till: %v\n%s", err, text)
	}
}

// sellUntil is the same for a till that may end before its time.
func sellUntil(t *testing.T, d *disk, dir, bug string) (string, error) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	till := exec.Command(exe)
	till.Env = append(os.Environ(), asTill+"="+dir, fault+"="+bug)
	var stderr strings.Builder
	till.Stderr = &stderr
	out, err1 := till.StdoutPipe()
	in, err2 := till.StdinPipe()
	if err := errors.Join(err1, err2, till.Start()); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break
		}
		d.say(strings.TrimSuffix(line, "\n"))
		if _, err := in.Write([]byte{'\n'}); err != nil {
			break
		}
	}
	err = till.Wait()
	return stderr.String(), err
}
