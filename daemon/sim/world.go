package sim

import (
	"net/http"
	"strings"
)

// World is everything outside the till: the payment provider, the payers' phones, their banks, the providers of models, and the
// scanner on the counter. The zero value is ready and has no scanner. Its parts do not know each other; the page brings
// them together, as a person does who holds a phone before a scanner.
type World struct {
	WeChat  WeChat
	Models  Models
	Bank    Bank
	Scanner *Scanner // nil: no scanner is attached
}

// ServeHTTP answers for the scanner under /sim/scanner, for the banks under /sim/bank, for the models under /models/, and lets WeChat answer the rest.
// The shop has one line: cut to the payment provider it is cut to the models too.
func (w *World) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case path == "/sim/scanner":
		w.serveScanner(rw, r)
	case path == "/sim/bank" || strings.HasPrefix(path, "/sim/bank/"):
		w.Bank.serve(rw, r)
	case strings.HasPrefix(path, "/models/"):
		w.Models.serve(rw, r, w.WeChat.cut())
	case isModelControl(path):
		w.Models.serveControl(rw, r)
	default:
		w.WeChat.ServeHTTP(rw, r)
	}
}

func (w *World) serveScanner(rw http.ResponseWriter, r *http.Request) {
	s := w.Scanner
	if s == nil {
		reply(rw, nil, &controlError{http.StatusNotFound, "NO_SCANNER", "no scanner is attached"})
		return
	}
	switch r.Method {
	case http.MethodGet:
		reply(rw, s.State(), nil)
	case http.MethodPost:
		serve(rw, r, s.do)
	default:
		reply(rw, nil, &controlError{http.StatusMethodNotAllowed, "METHOD", "GET or POST"})
	}
}

// ScannerOrder is the body of POST /sim/scanner: exactly one of Data, Unplug and Replug.
type ScannerOrder struct {
	Data   string  `json:"data"`
	Suffix *string `json:"suffix"` // after Data; absent is "\r"
	Unplug bool    `json:"unplug"`
	Replug bool    `json:"replug"`
}

func (s *Scanner) do(q ScannerOrder) (ScannerState, error) {
	var err error
	switch {
	case q.Unplug:
		err = s.Unplug()
	case q.Replug:
		err = s.Replug()
	case q.Data == "":
		return s.State(), &controlError{http.StatusBadRequest, "EMPTY", "data, unplug or replug"}
	case q.Suffix != nil:
		err = s.Write([]byte(q.Data + *q.Suffix))
	default:
		err = s.Write([]byte(q.Data + "\r"))
	}
	if err != nil {
		return s.State(), &controlError{http.StatusConflict, "SCANNER", err.Error()}
	}
	return s.State(), nil
}
