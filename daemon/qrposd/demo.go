//go:build !till

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"time"

	"qrposd/daemon/api"
)

// demo runs the real daemon, as a process of its own, with everything around it
// simulated. It needs no network and leaves nothing behind.
func demo(ctx context.Context, c *call) error {
	once := c.flags.Bool("once", false, "run a scripted tour, compare the books, and end")
	verbose := c.flags.Bool("v", false, "show the till's log")
	ai := c.flags.Bool("ai", false, "payments go through the payment AI API")
	currency := shopCurrency(c)
	c.flags.Usage = faultUsage(c)
	if err := c.parse(); err != nil {
		return err
	}
	s, err := openSimulation("", 1, *ai, *currency)
	if err != nil {
		return err
	}
	d, err := startDaemon(ctx, s.config, *verbose || !*once, c.errOut)
	if err != nil {
		return errors.Join(err, s.close())
	}
	s.world.Bank.Watch(ownCodes(&api.Client{Base: d.page}))
	fmt.Fprintf(c.out, "cashier page   %s\nsecond screen  %s/customer\ncustomer phone %s/sim/\nfaults         `qrposd demo -h`, or on the customer's page\n%s", d.page, d.page, s.url, s.hint("scenarios      "))
	if *once {
		t := &tour{sim: s, till: &api.Client{Base: d.page}, out: c.out}
		err = t.run(ctx)
		err = errors.Join(err, d.stop())
		if err == nil {
			err = t.judged(s.dir + "/till.db")
		}
		if err == nil {
			err = check(ctx, &call{flags: c.flags, args: []string{s.dir + "/till.db"}, out: c.out, errOut: c.errOut})
		}
		return errors.Join(err, s.close())
	}
	fmt.Fprintln(c.out, "Ctrl-C ends it")
	select {
	case <-ctx.Done():
	case err = <-d.ended:
		d.ended <- err
	}
	return errors.Join(d.stop(), s.close())
}

// ownCodes are the texts that a telephone at the counter can read: of the codes that
// the till has made by itself and shows now.
func ownCodes(till *api.Client) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		list, err := till.Offline(ctx)
		var texts []string
		for _, s := range list.Sales {
			if s.QR != nil {
				texts = append(texts, s.QR.Text)
			}
		}
		return texts, err
	}
}

// process is a till in a process of its own.
type process struct {
	cmd   *exec.Cmd
	page  string
	ended chan error
}

var pageForm = regexp.MustCompile(`msg="the till is open".* page=(http://[^ ]+?)/? `)

// startDaemon starts `qrposd serve` and waits until it is open.
func startDaemon(ctx context.Context, config string, show bool, log io.Writer) (*process, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(exe, "serve", "-config", config), ended: make(chan error, 1)}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true} // Ctrl-C is for us; we pass it on
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stderr = w
	if err := errors.Join(p.cmd.Start(), w.Close()); err != nil {
		return nil, err
	}
	page := make(chan string, 1)
	go func() {
		last := ""
		for lines := bufio.NewScanner(r); lines.Scan(); {
			last = lines.Text()
			if m := pageForm.FindStringSubmatch(last); m != nil {
				page <- m[1]
			}
			if show {
				fmt.Fprintln(log, last)
			}
		}
		err := p.cmd.Wait()
		if err != nil {
			err = fmt.Errorf("the till ended: %w: %s", err, last)
		}
		p.ended <- err
	}()
	select {
	case p.page = <-page:
		return p, nil
	case err := <-p.ended:
		return nil, cmpErr(err, "the till ended before it was open")
	case <-time.After(20 * time.Second):
		return nil, errors.Join(errors.New("the till did not open within 20 s"), p.cmd.Process.Kill())
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), p.cmd.Process.Kill())
	}
}

func cmpErr(err error, otherwise string) error {
	if err == nil {
		return errors.New(otherwise)
	}
	return err
}

// stop ends the till in order and says how it ended.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case err := <-p.ended:
		return err
	case <-time.After(15 * time.Second):
		return errors.Join(errors.New("the till did not stop within 15 s"), p.cmd.Process.Kill())
	}
}
