package daemon

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"qrposd/daemon/api"
	"qrposd/rules/day"
	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store"
)

// days are the till's reports and the cash that people enter for them.
type days struct {
	db       *store.DB
	currency money.Currency
	key      *dayKey
	closed   func()
	log      *slog.Logger
}

// dayKey signs closed days. It is made when the first one is closed and kept in a file
// of its own, as the other secrets are: in the store it would go with every copy, and
// whoever has a copy could sign another day.
type dayKey struct {
	path string
	mu   sync.Mutex // held while it is made
}

// sign is a store.Signer.
func (k *dayKey) sign(statement string) (public, signature []byte, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, err := readDayKey(k.path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = makeDayKey(k.path)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("the key that signs closed days: %w", err)
	}
	return key.Public().(ed25519.PublicKey), ed25519.Sign(key, []byte(statement)), nil
}

func readDayKey(path string) (ed25519.PrivateKey, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	seed, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s does not hold %d bytes in hexadecimal", path, ed25519.SeedSize)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// makeDayKey makes the file whole before it has its name, and never over another: a
// power cut leaves no key or this one, and no day is signed before its key is there.
func makeDayKey(path string) (ed25519.PrivateKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := rand.Read(seed); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // of mode 0600
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString(hex.EncodeToString(seed) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = unix.Renameat2(unix.AT_FDCWD, f.Name(), unix.AT_FDCWD, path, unix.RENAME_NOREPLACE)
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(f.Name()))
	}
	return ed25519.NewKeyFromSeed(seed), syncDir(filepath.Dir(path))
}

// newDays tells closed when a day was closed.
func newDays(cfg Config, db *store.DB, closed func(), log *slog.Logger) *days {
	path := cmp.Or(cfg.Till.SignKeyFile, cfg.Store.Path+".signkey")
	return &days{db, cfg.Till.Currency, &dayKey{path: path}, closed, log}
}

// Report is a look at the day so far.
func (d *days) Report(ctx context.Context) (day.Report, error) { return d.db.DayReport(ctx) }

// CloseDay closes the day, or says what keeps it open: exactly that list.
func (d *days) CloseDay(ctx context.Context, operator string, once sale.Once) (api.Day, bool, error) {
	c, replayed, err := d.db.CloseDay(ctx, operator, d.key.sign, once)
	var open *day.Unbalanced
	switch {
	case errors.As(err, &open):
		p := api.NewProblem(http.StatusConflict, "day_open", fmt.Sprintf("%d things keep the day open, the first is: %s", len(open.Missing), open.Missing[0].Message), open.Missing[0].Hint)
		p.Missing = open.Missing
		return api.Day{}, false, p
	case err != nil:
		return api.Day{}, false, err
	}
	if !replayed {
		d.log.Info("the day was closed", "number", c.Number, "journal", c.Seq)
		d.closed()
	}
	v, _, err := closedView(c)
	return v, replayed, err
}

// ClosedDays lists closed days.
func (d *days) ClosedDays(limit, before int) (api.Days, error) {
	list, err := d.db.ClosedDays(limit, before)
	out := api.Days{Days: make([]api.Day, len(list))}
	for i := 0; err == nil && i < len(list); i++ {
		out.Days[i], _, err = closedView(list[i])
	}
	if len(list) == limit && list[limit-1].Number > 1 {
		out.Next = list[limit-1].Number
	}
	return out, err
}

// ClosedDay is a closed day.
func (d *days) ClosedDay(number int) (api.Day, day.Report, error) {
	c, err := d.db.ClosedDay(number)
	if err != nil {
		return api.Day{}, day.Report{}, err
	}
	return closedView(c)
}

// closedView leaves the report as it was signed, to the byte.
func closedView(c store.ClosedDay) (api.Day, day.Report, error) {
	v := api.Day{
		Number: c.Number, By: c.By, Closed: c.Wall, Report: c.Report, Statement: c.Statement, Key: hex.EncodeToString(c.Key), Signature: base64.StdEncoding.EncodeToString(c.Signature),
	}
	var r day.Report
	err := json.Unmarshal(c.Report, &r)
	return v, r, err
}

// EnterDrawer enters a line about a drawer.
func (d *days) EnterDrawer(ctx context.Context, n api.NewDrawerLine, once sale.Once) (api.DrawerLine, bool, error) {
	amount, err := money.Parse(n.Amount, cmp.Or(n.Currency, d.currency))
	var refused *money.Error
	if errors.As(err, &refused) && refused.Code == money.Zero && (n.Kind == string(store.DrawerFloat) || n.Kind == string(store.DrawerCounted)) {
		err = nil // an empty drawer is one
	}
	if err != nil {
		return api.DrawerLine{}, false, err
	}
	e, replayed, err := d.db.EnterDrawer(ctx, store.DrawerEntry{
		By: n.Operator, Drawer: cmp.Or(n.Drawer, n.Operator), Kind: store.DrawerKind(n.Kind), Amount: amount, Note: n.Note,
	}, once)
	return drawerView(e), replayed, err
}

// DrawerLines are the lines of the open day.
func (d *days) DrawerLines() (api.DrawerLines, error) {
	list, err := d.db.DrawerEntries()
	out := api.DrawerLines{Lines: make([]api.DrawerLine, len(list))}
	for i := range list {
		out.Lines[i] = drawerView(list[i])
	}
	return out, err
}

func drawerView(e store.DrawerEntry) api.DrawerLine {
	return api.DrawerLine{
		N: e.N, At: e.Wall, Operator: e.By, Drawer: e.Drawer, Kind: string(e.Kind), Note: e.Note,
		Amount: api.Amount{Currency: e.Amount.Currency, Decimal: e.Amount.Decimal(), Minor: e.Amount.Minor},
	}
}
