package store_test

import (
	"testing"
	"time"

	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/storetest"
)

// The till's time goes forward by what really passed, whatever happens to the
// time of day, to the process and to the machine.
func TestTillTime(t *testing.T) {
	clock := newFakeClock()
	path := newPath(t)
	db := open(t, path, clock)
	first := db.Now()
	if first.At != first.Since || first.At != sale.Instant(clock.Wall().UnixNano()) {
		t.Fatalf("a new till begins at %+v", first)
	}
	clock.pass(time.Hour)
	begin(t, db, payer())
	now := db.Now()
	within(t, "an hour", now, first.At.Add(time.Hour))

	clock.step(clock.Wall().Add(-40 * time.Minute))
	within(t, "a step back", db.Now(), now.At)
	clock.step(clock.Wall().AddDate(56, 0, 0))
	within(t, "a step of 56 years", db.Now(), now.At)

	begin(t, db, payer())
	now = db.Now()
	db = reopen(t, db, path, clock)
	within(t, "a restart within the boot", db.Now(), now.At)
	if got := db.Now().Since; got != first.Since {
		t.Errorf("after a restart within the boot, Since is %d, was %d", got, first.Since)
	}
	clock.pass(7 * time.Second)
	within(t, "7 s", db.Now(), now.At.Add(7*time.Second))
	before := begin(t, db, payer()).Begun

	clock.reboot("second", time.Unix(0, 0)) // no battery, no network
	db = reopen(t, db, path, clock)
	now = db.Now()
	if now.At <= before || now.At > before.Add(time.Millisecond) || now.Since != now.At {
		t.Errorf("after a boot without a clock: %+v, last was %d", now, before)
	}
	if got := begin(t, db, payer()).Begun; got <= before {
		t.Errorf("a sale began at %d, before %d", got, before)
	}

	later := time.Unix(0, int64(now.At)).Add(24 * time.Hour)
	clock.reboot("third", later)
	db = reopen(t, db, path, clock)
	if now := db.Now(); now.At != sale.Instant(later.UnixNano()) || now.Since != now.At {
		t.Errorf("after a boot a day later: %+v", now)
	}
}

// A second and a restart earlier than any commit have nothing to go on from.
func TestTillTimeWithBrokenClocks(t *testing.T) {
	for name, wall := range map[string]time.Time{
		"before 1970":  time.Date(1901, 1, 1, 0, 0, 0, 0, time.UTC),
		"after 2262":   time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC),
		"beyond dates": time.Unix(1<<60, 0),
	} {
		t.Run(name, func(t *testing.T) {
			clock := newFakeClock()
			clock.step(wall)
			path := newPath(t)
			db := open(t, path, clock)
			a := begin(t, db, payer())
			clock.reboot("second", wall)
			db = reopen(t, db, path, clock)
			if b := begin(t, db, payer()); a.Begun <= 0 || b.Begun <= a.Begun {
				t.Errorf("sales began at %d and %d", a.Begun, b.Begun)
			}
		})
	}
}

// Stamps differ even where no time passes between two facts.
func TestStampsIncrease(t *testing.T) {
	db := storetest.MustOpen(t, withClock(newFakeClock()))
	last := sale.Instant(0)
	for range 20 {
		refunded(t, db)
	}
	list, err := db.Journal(0, 1000)
	if err != nil || len(list) != 20*6 {
		t.Fatal(len(list), err)
	}
	for _, e := range list {
		if e.Event.At <= last {
			t.Fatalf("line %d is of %d, the one before of %d", e.Seq, e.Event.At, last)
		}
		last = e.Event.At
	}
}

func TestMachineClock(t *testing.T) {
	path := newPath(t)
	db := storetest.MustOpenAt(t, path)
	a := db.Now()
	if off := time.Since(time.Unix(0, int64(a.At))); off.Abs() > time.Minute {
		t.Errorf("a new till's time is %s off the time of day", off)
	}
	s := begin(t, db, payer())
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b := storetest.MustOpenAt(t, path).Now()
	if b.Since != a.Since || b.At <= s.Begun {
		t.Errorf("%+v and, in the same boot, %+v", a, b)
	}
}

func open(t *testing.T, path string, clock store.Clock) *store.DB {
	t.Helper()
	return storetest.MustOpenAt(t, path, withClock(clock))
}

func reopen(t *testing.T, db *store.DB, path string, clock store.Clock) *store.DB {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	storetest.MustCheck(t, path)
	return open(t, path, clock)
}

// within allows for the nanosecond that each stamp may take.
func within(t *testing.T, what string, got sale.Now, want sale.Instant) {
	t.Helper()
	if got.At < want || got.At > want.Add(time.Microsecond) {
		t.Errorf("after %s it is %d, want %d", what, got.At, want)
	}
}
