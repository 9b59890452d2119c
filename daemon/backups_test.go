package daemon

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"filippo.io/age"

	"qrposd/daemon/api"
	"qrposd/store"
	"qrposd/store/sealed"
	"qrposd/store/storetest"
)

func backupsTo(t *testing.T, dir string, change func(*Config)) *backups {
	t.Helper()
	cfg := Default()
	cfg.Till.ID, cfg.Backup.To, cfg.Store.Path = "T01", dir, filepath.Join(t.TempDir(), "till.db")
	if change != nil {
		change(&cfg)
	}
	db := storetest.MustOpenAt(t, cfg.Store.Path, func(o *store.Options) { o.Till = "T01" })
	return newBackups(cfg, db, slog.New(slog.DiscardHandler))
}

func identity(t *testing.T) *age.X25519Identity {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// A backup is for its recipients only, old ones go when it is complete, what a power
// cut left goes too, and another till's stay.
func TestBackupsAreSealedAndPruned(t *testing.T) {
	dir, key := t.TempDir(), identity(t)
	before := []string{
		"T01-20200101-000000.db", "T01-20200102-000000.db.age", "T01-21990101-000000.db.age", "T01-20200103-000000.db.age.new-77", "T02-20200101-000000.db", "notes.txt",
	}
	for _, name := range before {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := backupsTo(t, dir, func(c *Config) {
		c.Backup.Keep, c.Backup.Recipients = 2, []string{key.Recipient().String()}
		if err := c.Backup.validate(); err != nil {
			t.Fatal(err)
		}
	})
	made, err := b.make(t.Context())
	if err != nil || !made.Encrypted {
		t.Fatalf("%+v, %v", made, err)
	}
	want := []string{"T01-21990101-000000.db.age", "T02-20200101-000000.db", filepath.Base(made.Path), "notes.txt"}
	for _, name := range names(t, dir) {
		if !strings.Contains(strings.Join(want, " "), name) {
			t.Errorf("%s is still there", name)
		}
	}
	if got := names(t, dir); len(got) != len(want) {
		t.Errorf("there are %v, want %v", got, want)
	}
	f, err := os.Open(made.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	plain, err := sealed.Open(f, strings.NewReader(key.String()))
	if err != nil {
		t.Fatal(err)
	}
	again := filepath.Join(t.TempDir(), "till.db")
	o := store.Options{Till: "T01", Secret: []byte("merchant secret of a test")}
	if _, err := store.Restore(t.Context(), again, o, store.Restoring{From: plain, By: "owner"}); err != nil {
		t.Errorf("it cannot be put back: %v", err)
	}
	storetest.MustCheck(t, again)
}

// Backups are made after so many hours, and when somebody asks; a till that cannot
// make one says so and tries again.
func TestBackupsByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		b := backupsTo(t, dir, func(c *Config) { c.Backup.EveryH = 6 })
		go b.run(t.Context())
		after := func(d time.Duration, want int) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if got := names(t, dir); len(got) != want {
				t.Fatalf("after %s there are %v, want %d", d, got, want)
			}
		}
		after(59*time.Second, 0)
		after(2*time.Second, 1)
		after(5*time.Hour, 1)
		after(time.Hour+time.Minute, 2)
		b.soon()
		after(time.Second, 3)
		after(5*time.Hour+58*time.Minute, 3) // the hours count from the last one
		if p := b.part(); p.Level != api.OK {
			t.Errorf("%+v", p)
		}
		b.alone.Lock()
		b.conf.To = filepath.Join(dir, "gone")
		b.alone.Unlock()
		time.Sleep(time.Hour)
		synctest.Wait()
		if p := b.part(); p.Level != api.Trouble || !strings.Contains(p.Detail, "gone") || b.fails < 3 {
			t.Errorf("%+v after %d tries", p, b.fails)
		}
		if err := os.Mkdir(b.conf.To, 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if p := b.part(); p.Level != api.OK || len(b.there()) != 1 {
			t.Errorf("%+v, %v", p, b.there())
		}
	})
}

// Without a place of its own for them backups are made when somebody asks.
func TestBackupsOnDemand(t *testing.T) {
	b := backupsTo(t, "", nil)
	if p := b.part(); p.Level != api.Off || b.wait() < 24*time.Hour {
		t.Errorf("%+v, %s", p, b.wait())
	}
	made, err := b.make(t.Context())
	if err != nil || made.Encrypted || filepath.Dir(made.Path) != filepath.Dir(b.db.Path()) {
		t.Fatalf("%+v, %v", made, err)
	}
	storetest.MustCheck(t, made.Path)
}

func TestBackupConfig(t *testing.T) {
	secret := identity(t).String()
	for name, change := range map[string]func(*BackupConfig){
		"a secret key": func(c *BackupConfig) { c.Recipients = []string{secret} },
		"too seldom":   func(c *BackupConfig) { c.EveryH = 200 },
		"none kept":    func(c *BackupConfig) { c.Keep = 0 },
	} {
		c := Default().Backup
		change(&c)
		if err := c.validate(); err == nil || strings.Contains(err.Error(), secret[16:]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
