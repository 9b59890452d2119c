package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"qrposd/daemon/bill"
	"qrposd/daemon/wechat"
	"qrposd/rules/sale"
	"qrposd/store"
)

const (
	// billHour is when the provider's bills of the day before can be had, in Beijing.
	billHour = 10 * time.Hour
	// billReach is how far back the provider has them.
	billReach = 89 * 24 * time.Hour
	// maxBill bounds the download, and maxCases what one bill may open: beyond it the
	// bill is another shop's, and a thousand questions are read by nobody.
	maxBill  = 64 << 20
	maxCases = 1000
	// billTrouble is after how many tries everybody at the till is told.
	billTrouble = 3
)

// beijing is where the provider's day begins and ends.
var beijing = time.FixedZone("Asia/Shanghai", 8*3600)

// Bill says what becomes of the provider's bills.
type Bill struct {
	Enabled  bool   `toml:"enabled"`
	Dir      string `toml:"dir"`       // where the files are kept; empty is "bills" beside the store
	KeepDays int    `toml:"keep_days"` // after that they are deleted
	// SoleTill says that nothing else sells under the merchant number: then a payment
	// under a stranger's number is a difference too.
	SoleTill bool `toml:"sole_till"`
}

// provider is what the job asks of the payment provider.
type provider interface {
	Now() (now time.Time, signed bool)
	TradeBill(ctx context.Context, date string) (wechat.Bill, error)
	FetchBill(ctx context.Context, b wechat.Bill, to io.Writer, limit int64) error
}

// asker asks it about an order or a refund.
type asker interface {
	Prepare(step sale.Step, s sale.Sale, code sale.PayerCode) (sale.Request, error)
	Do(ctx context.Context, step sale.Step, s sale.Sale, req sale.Request) sale.Event
}

// bills fetches the provider's bill of every day that is over and holds it against
// the till's books. It changes nothing in them: what differs is a case, and what
// settles a case is the provider's signed answer or a person.
//
// Where the power goes: before the file has its name it is downloaded again; between
// that and the record it is downloaded again too and lands under the same name; the
// record and the cases are one transaction, after which the day is done.
type bills struct {
	conf     Bill
	till     string
	merchant string
	speed    float64 // of a simulated provider
	db       *store.DB
	at       provider
	orders   asker
	log      *slog.Logger
	tell     func(code, message string)
	peeked   time.Time   // when the provider was asked for the sake of the time
	asked    chan string // dates that somebody wants anew
	mu       sync.Mutex  // guards blind
	blind    bool        // the clock is not known to be right
}

func newBills(cfg Config, db *store.DB, at *wechat.Client, tell func(code, message string), log *slog.Logger) *bills {
	if cfg.Bill.Dir == "" {
		cfg.Bill.Dir = filepath.Join(filepath.Dir(cfg.Store.Path), "bills")
	}
	return &bills{
		conf: cfg.Bill, till: cfg.Till.ID, merchant: cfg.WeChat.MchID, speed: cfg.Timing.Speed, db: db, at: at, orders: at, log: log, tell: tell, asked: make(chan string, 1),
	}
}

func (b *bills) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) / max(1, b.speed))
}

// run looks once a minute whether a bill is due.
func (b *bills) run(ctx context.Context) {
	if !b.conf.Enabled {
		return
	}
	b.sweep()
	tick := time.NewTicker(b.scaled(time.Minute))
	defer tick.Stop()
	for {
		b.pass(ctx)
		select {
		case <-ctx.Done():
			return
		case date := <-b.asked:
			if now, ok := b.now(); ok {
				b.once(ctx, store.BillDay{Date: date}, now)
			}
		case <-tick.C:
		}
	}
}

// now is the provider's time. A clock that no signed answer has confirmed names the
// wrong day, and a wrong day has a bill too: so the job waits.
func (b *bills) now() (time.Time, bool) {
	now, signed := b.at.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.blind = !signed
	return now.In(beijing), signed
}

func (b *bills) pass(ctx context.Context) {
	now, ok := b.now()
	due, err := b.due(now)
	if err != nil {
		b.log.Error("it is not known which bills are due", "err", err)
		return
	}
	if !ok && len(due) > 0 && time.Since(b.peeked) >= b.scaled(time.Hour) {
		b.peeked = time.Now()
		b.peek(ctx, due[0].Date)
		if now, ok = b.now(); ok {
			due, err = b.due(now)
		}
	}
	if !ok || err != nil {
		return
	}
	for _, d := range due {
		if ctx.Err() != nil {
			return
		}
		if !d.Next.After(now) {
			b.once(ctx, d, now)
		}
	}
}

// peek asks for the time. A shop that sells nothing hears no signed answer; the address
// of a bill is one, if there is that bill, and asking for it does nothing.
func (b *bills) peek(ctx context.Context, date string) {
	known, err := b.db.Bills("")
	for _, d := range known {
		if d.File != "" {
			date = d.Date
		}
	}
	if err == nil {
		_, _ = b.at.TradeBill(ctx, date) // what it tells is the time
	}
}

// due are the days that are over and have no comparison, the oldest first: those that
// the till was off on as well.
func (b *bills) due(now time.Time) ([]store.BillDay, error) {
	oldest, err := b.db.Oldest()
	if err != nil {
		if errors.Is(err, store.ErrNotFound) {
			err = nil // nothing was sold that a bill could be about
		}
		return nil, err
	}
	first := oldest.BegunWall
	if reach := now.Add(-billReach); first.Before(reach) {
		first = reach
	}
	first = first.In(beijing)
	known, err := b.db.Bills(first.Format(time.DateOnly))
	if err != nil {
		return nil, err
	}
	by := make(map[string]store.BillDay, len(known))
	for _, d := range known {
		by[d.Date] = d
	}
	var due []store.BillDay
	last := now.Add(-billHour).AddDate(0, 0, -1).Format(time.DateOnly)
	for day := first; day.Format(time.DateOnly) <= last; day = day.AddDate(0, 0, 1) {
		date := day.Format(time.DateOnly)
		if d := by[date]; !d.Done {
			d.Date = date
			due = append(due, d)
		}
	}
	return due, nil
}

// once fetches and compares a day's bill and records how that went.
func (b *bills) once(ctx context.Context, d store.BillDay, now time.Time) {
	d.Tries, d.At, d.Seq = d.Tries+1, now, b.db.Stats().Entries
	d.Code, d.Reason, d.Next, d.Pending, d.Result = "", "", time.Time{}, []string{}, nil
	found, err := b.compare(ctx, &d)
	if ctx.Err() != nil {
		return // the till stops: the next start does it all again
	}
	if err != nil {
		b.failed(&d, err, now)
	}
	d, err = b.db.RecordBill(ctx, d, found)
	switch {
	case err != nil:
		b.log.Error("a bill was not recorded; it is fetched again", "date", d.Date, "err", err)
	case d.Opened > 0:
		b.log.Warn("the provider's bill differs", "date", d.Date, "cases", d.Opened)
		b.tell("bill_differs", fmt.Sprintf("the provider's bill of %s differs in %d places; nothing was changed", d.Date, d.Opened))
	case d.Done:
		b.log.Info("the provider's bill was compared", "date", d.Date, "code", d.Code)
	}
}

// failed notes why, and when it is tried again: after minutes at first, and twice a
// day in the end.
func (b *bills) failed(d *store.BillDay, err error, now time.Time) {
	wait := 12 * time.Hour
	if d.Tries < 8 {
		wait = min(wait, 10*time.Minute<<(d.Tries-1))
	}
	d.Done, d.Next = false, now.Add(b.scaled(wait))
	var provider *wechat.BillError
	var file *bill.Error
	d.Code, d.Reason = "bill_failed", err.Error()
	switch {
	case errors.As(err, &provider):
		d.Code, d.Reason = provider.Code, provider.Error()+"; "+provider.Hint
	case errors.As(err, &file):
		d.Code, d.Reason = file.Code, file.Error()+"; "+file.Hint
	}
	b.log.Warn("there is no bill yet", "date", d.Date, "tries", d.Tries, "next", d.Next.Format(time.RFC3339), "err", err)
	if d.Tries == billTrouble {
		b.tell("bill_missing", fmt.Sprintf("the provider's bill of %s could not be had: %s", d.Date, d.Reason))
	}
}

// download has the file of a day, whole, under its name, and its digest.
func (b *bills) download(ctx context.Context, date string) (path, digest string, err error) {
	if err := os.MkdirAll(b.conf.Dir, 0o700); err != nil {
		return "", "", err
	}
	f, err := os.CreateTemp(b.conf.Dir, date+".new-*") // of mode 0600
	if err != nil {
		return "", "", err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			_ = os.Remove(f.Name()) // what it would have been is told by err
		}
	}()
	where, err := b.at.TradeBill(ctx, date)
	if err != nil {
		return "", "", err
	}
	if err := b.at.FetchBill(ctx, where, f, maxBill); err != nil {
		return "", "", err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", "", err
	}
	if _, err := bill.Read(f, where.SHA1, func(bill.Row) error { return nil }); err != nil {
		return "", "", err
	}
	magic := make([]byte, 2)
	if _, err := f.ReadAt(magic, 0); err != nil {
		return "", "", err
	}
	path = filepath.Join(b.conf.Dir, date+".csv")
	if string(magic) == "\x1f\x8b" {
		path += ".gz"
	}
	if err := errors.Join(f.Sync(), os.Rename(f.Name(), path)); err != nil {
		return "", "", err
	}
	return path, where.SHA1, syncDir(b.conf.Dir)
}

// syncDir makes a directory's names last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// sweep deletes what a power cut left half, and files whose time is over.
func (b *bills) sweep() {
	list, err := os.ReadDir(b.conf.Dir)
	if err != nil {
		return // there is none yet, or the next download says what is wrong
	}
	oldest := time.Now().AddDate(0, 0, -b.conf.KeepDays).Format(time.DateOnly)
	for _, e := range list {
		date, _, _ := strings.Cut(e.Name(), ".")
		if _, err := time.Parse(time.DateOnly, date); err != nil {
			continue // it is somebody else's
		}
		if strings.Contains(e.Name(), ".new-") || date < oldest {
			if err := os.Remove(filepath.Join(b.conf.Dir, e.Name())); err != nil {
				b.log.Warn("a bill was not deleted", "file", e.Name(), "err", err)
			}
		}
	}
}
