package queue

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"qrposd/rules/sale"
	"qrposd/store/record"
)

func newQueue(t interface {
	Fatal(...any)
}, dir string,
) *bbolt.DB {
	db, err := bbolt.Open(filepath.Join(dir, "x.db"), 0o600, &bbolt.Options{NoSync: true})
	if err == nil {
		err = db.Update(Create)
	}
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func update(t interface{ Fatal(...any) }, db *bbolt.DB, fn func(*bbolt.Tx) error) {
	if err := db.Update(fn); err != nil {
		t.Fatal(err)
	}
}

func complaints(t interface{ Fatal(...any) }, db *bbolt.DB) (bad []string, n Counts) {
	update(t, db, func(tx *bbolt.Tx) error {
		n = Verify(tx, func(where, what string) { bad = append(bad, where+": "+what) }, func(Job) {})
		return nil
	})
	return bad, n
}

// A job's life is in its results: each attempt before it was made and how it
// went, and the end.
func TestLife(t *testing.T) {
	db := newQueue(t, t.TempDir())
	defer db.Close()
	update(t, db, func(tx *bbolt.Tx) error {
		return errors.Join(
			Put(tx, "drive", "S1", 10),
			Begin(tx, "drive", "S1", 10, 15, "charge"),
			second(Retry(tx, "drive", "S1", 12, 20, "unclear")),
			Begin(tx, "drive", "S1", 20, 25, "reverse"),
		)
	})
	want := Job{Topic: "drive", Key: "S1", Due: 25, Attempts: 2, Results: []Result{
		{At: 10, Did: "charge", Ended: 12, Outcome: "unclear"}, {At: 20, Did: "reverse"},
	}}
	update(t, db, func(tx *bbolt.Tx) error {
		j, err := Get(tx, "drive", "S1")
		if err != nil || !reflect.DeepEqual(j, want) || !j.UnderWay() {
			t.Errorf("%+v, %v", j, err)
		}
		return errors.Join(Put(tx, "drive", "S1", 30), Done(tx, "drive", "S1", 22, "taken back"))
	})
	update(t, db, func(tx *bbolt.Tx) error {
		want.Due, want.Results[1].Ended, want.Results[1].Outcome = 30, 22, "taken back"
		k, v := tx.Bucket(retiredBucket).Cursor().First()
		var j Job
		if err := record.Unmarshal(k, v, &j); err != nil || !reflect.DeepEqual(j, want) {
			t.Errorf("retired: %+v, %v", j, err)
		}
		for name, err := range map[string]error{
			"begin":  Begin(tx, "drive", "S1", 1, 1, "x"),
			"retry":  second(Retry(tx, "drive", "S1", 1, 1, "x")),
			"done":   Done(tx, "drive", "S1", 1, "x"),
			"retire": Retire(tx, "drive", "S1", 1, "x"),
		} {
			if !errors.Is(err, ErrNoJob) {
				t.Errorf("%s of a retired job: %v", name, err)
			}
		}
		// A new life does not touch the old one, and one given up says why.
		return errors.Join(Put(tx, "drive", "S1", 40), Begin(tx, "drive", "S1", 40, 41, "refund"), Retire(tx, "drive", "S1", 50, "a person did it"))
	})
	if bad, n := complaints(t, db); len(bad) != 0 || n != (Counts{0, 2, 0}) {
		t.Errorf("%v %+v", bad, n)
	}
}

func TestDueByTopic(t *testing.T) {
	db := newQueue(t, t.TempDir())
	defer db.Close()
	update(t, db, func(tx *bbolt.Tx) error {
		return errors.Join(Put(tx, "a", "late", 300), Put(tx, "b", "other", 50), Put(tx, "a", "first", 100), Put(tx, "a", "second", 200), Put(tx, "a", "second", 250))
	})
	for _, c := range []struct {
		by    sale.Instant
		limit int
		want  string
	}{{99, 0, "[]"}, {100, 0, "[first]"}, {250, 0, "[first second]"}, {math.MaxInt64, 0, "[first second late]"}, {math.MaxInt64, 2, "[first second]"}} {
		update(t, db, func(tx *bbolt.Tx) error {
			jobs, err := Due(tx, "a", c.by, c.limit)
			var keys []string
			for _, j := range jobs {
				keys = append(keys, j.Key)
			}
			if got := fmt.Sprint(keys); got != c.want {
				t.Errorf("due by %d: %s, want %s", c.by, got, c.want)
			}
			return err
		})
	}
}

// Whatever is done to it, the queue holds what a map would hold, its index
// agrees, and nothing that was ever put is gone.
func TestQueueIsItsModel(t *testing.T) {
	dir := t.TempDir()
	runs := 0
	rapid.Check(t, func(r *rapid.T) {
		runs++
		db := newQueue(r, mkdir(t, dir, runs))
		defer db.Close()
		live, trying, retired, now := map[string]Job{}, map[string]bool{}, 0, sale.Instant(0)
		r.Repeat(map[string]func(*rapid.T){
			"do": func(r *rapid.T) {
				key := rapid.SampledFrom([]string{"x", "y", "z"}).Draw(r, "key")
				due := sale.Instant(rapid.Int64Range(0, 5).Draw(r, "due"))
				now++
				j, ok := live[key]
				var err error
				verb := rapid.SampledFrom([]string{"put", "begin", "retry", "done", "retire"}).Draw(r, "verb")
				update(r, db, func(tx *bbolt.Tx) error {
					err = map[string]func() error{
						"put":    func() error { return Put(tx, "t", key, due) },
						"begin":  func() error { return Begin(tx, "t", key, now, due, "try") },
						"retry":  func() error { _, err := Retry(tx, "t", key, now, due, "no"); return err },
						"done":   func() error { return Done(tx, "t", key, now, "yes") },
						"retire": func() error { return Retire(tx, "t", key, now, "gone") },
					}[verb]()
					return nil
				})
				if !ok && verb != "put" {
					if !errors.Is(err, ErrNoJob) {
						r.Fatalf("%s of no job: %v", verb, err)
					}
					return
				}
				if err != nil {
					r.Fatal(err)
				}
				if verb == "done" || verb == "retire" {
					delete(live, key)
					retired++
				} else {
					live[key] = expect(j, verb, now, due, trying[key])
				}
				if verb != "put" {
					trying[key] = verb == "begin"
				}
			},
			"": func(r *rapid.T) {
				bad, n := complaints(r, db)
				if len(bad) != 0 || n != (Counts{len(live), retired, 0}) {
					r.Fatalf("%v, %+v of %d live, %d retired", bad, n, len(live), retired)
				}
				update(r, db, func(tx *bbolt.Tx) error {
					jobs, err := Due(tx, "t", math.MaxInt64, 0)
					if err != nil || len(jobs) != len(live) || !slices.IsSortedFunc(jobs, func(a, b Job) int { return int(a.Due - b.Due) }) {
						r.Fatalf("due: %v, %v", jobs, err)
					}
					for _, j := range jobs {
						if want := live[j.Key]; j.Due != want.Due || j.Attempts != want.Attempts {
							r.Fatalf("%+v, want %+v", j, want)
						}
					}
					return nil
				})
			},
		})
	})
}

// expect is the job after a verb that does not end it.
func expect(j Job, verb string, now, due sale.Instant, trying bool) Job {
	if verb == "begin" {
		j.Attempts++
	}
	if verb != "retry" || trying || j.Due > now || due > now {
		j.Due = due // else it was due and is: it keeps its place
	}
	return j
}

func second(_ Job, err error) error { return err }

func mkdir(t *testing.T, dir string, n int) string {
	sub := filepath.Join(dir, fmt.Sprint(n))
	err := os.Mkdir(sub, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

func TestRottenQueuesAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*bbolt.Tx) error
		want []string
	}{
		"a rotten job":    {func(tx *bbolt.Tx) error { return tx.Bucket(jobBucket).Put(jobKey("t", "x"), []byte("?")) }, []string{"job/", "due/"}},
		"a job elsewhere": {func(tx *bbolt.Tx) error { return move(tx, jobKey("t", "x"), jobKey("t", "y")) }, []string{"job/", "due/"}},
		"no index": {func(tx *bbolt.Tx) error {
			return tx.Bucket(dueBucket).Delete(dueKey(Job{Topic: "t", Key: "x", Due: 7}))
		}, []string{"job/"}},
		"an index of nobody": {func(tx *bbolt.Tx) error { return tx.Bucket(dueBucket).Put([]byte("?"), nil) }, []string{"due/"}},
		"a nameless index": {func(tx *bbolt.Tx) error {
			k := append(make([]byte, 8), "name"...)
			return tx.Bucket(dueBucket).Put(k, record.Seal(k, nil))
		}, []string{"due/"}},
		"a rotten end": {func(tx *bbolt.Tx) error { return tx.Bucket(retiredBucket).Put([]byte("12345678"), []byte("?")) }, []string{"retired/", "retired: 14901791917691488457 jobs"}},
	} {
		t.Run(name, func(t *testing.T) {
			db := newQueue(t, t.TempDir())
			defer db.Close()
			update(t, db, func(tx *bbolt.Tx) error { return Put(tx, "t", "x", 7) })
			update(t, db, c.edit)
			bad, _ := complaints(t, db)
			if len(bad) != len(c.want) {
				t.Errorf("%d complaints: %v", len(bad), bad)
			}
			for _, want := range c.want {
				if !slices.ContainsFunc(bad, func(s string) bool { return strings.HasPrefix(s, want) }) {
					t.Errorf("no %q in %v", want, bad)
				}
			}
			update(t, db, func(tx *bbolt.Tx) error {
				jobs, err := Due(tx, "t", math.MaxInt64, 0)
				if strings.Contains(name, "index") || name == "a rotten end" {
					return nil // the job itself can be read
				}
				if err == nil {
					t.Errorf("it is handed out: %v", jobs)
				}
				return nil
			})
		})
	}
}

// move stores a job under a name that is not its own, sealed for that name.
func move(tx *bbolt.Tx, from, to []byte) error {
	b := tx.Bucket(jobBucket)
	payload, err := record.Open(from, b.Get(from))
	if err != nil {
		return err
	}
	value := record.Seal(to, payload)
	return errors.Join(b.Delete(from), b.Put(to, value))
}
