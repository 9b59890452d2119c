package store

import "fmt"

// Error is a refusal of the store: a code for programs, a message and a hint
// for people. Compare with errors.Is and the values below; the code decides.
type Error struct {
	Code    string
	Message string
	Hint    string
	Err     error // what lies behind it, if anything does
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Problem gives the error's parts to the API. The status is the one of HTTP; what
// lies behind the error is for the log.
func (e *Error) Problem() (status int, code, message, hint string) {
	return statuses[e.Code], e.Code, e.Message, e.Hint
}

// Unwrap is what lies behind e.
func (e *Error) Unwrap() error { return e.Err }

// Is says whether target is an error of the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// The refusals.
var (
	ErrNotFound     = &Error{Code: "sale_not_found", Message: "there is no such sale", Hint: "check the number"}
	ErrCaseNotFound = &Error{Code: "case_not_found", Message: "there is no such case", Hint: "list the cases"}
	ErrCaseClosed   = &Error{Code: "case_closed", Message: "the case is closed already", Hint: "look at it: it says who closed it and why"}
	ErrDayNotFound  = &Error{Code: "day_not_found", Message: "there is no such day", Hint: "list the days that were closed"}
	ErrDayBusy      = &Error{Code: "day_busy", Message: "somebody else counts a drawer or closes the day", Hint: "ask again under the same key"}
	ErrDrawer       = &Error{Code: "drawer_invalid", Message: "this cannot be entered for a drawer", Hint: "name who enters it and whose drawer it is; float, paid_in, paid_out or counted, without a sign"}
	ErrOnceMismatch = &Error{Code: "once_mismatch", Message: "this key was used for another request", Hint: "use a new Idempotency-Key for a new request"}
	ErrFull         = &Error{Code: "disk_full", Message: "there is no room for new sales", Hint: "free disk space; refunds and sales under way go on"}
	ErrInDoubt      = &Error{Code: "store_in_doubt", Message: "it is not known whether this was recorded", Hint: "the till restarts and finds out; ask again with the same key"}
	ErrClosed       = &Error{Code: "store_closed", Message: "the store is closed", Hint: "the till is stopping; ask again when it is back"}
	ErrLocked       = &Error{Code: "store_locked", Message: "the file is in use", Hint: "a qrposd daemon is running; ask it, or stop it first"}
	ErrNewer        = &Error{Code: "store_newer", Message: "the file was written by a newer version", Hint: "install that version again; the file was not touched"}
	ErrForeign      = &Error{Code: "store_foreign", Message: "the file is not a store of this till", Hint: "check the path; the file was not touched"}
	ErrCorrupt      = &Error{Code: "store_corrupt", Message: "the file is damaged", Hint: "keep it, restore the latest backup, and compare with the provider; the file was not touched"}
	ErrBehind       = &Error{Code: "store_behind", Message: "the file lacks what was recorded", Hint: "start the till with it: it puts the lines back from the second record of the journal"}
	ErrNoProof      = &Error{Code: "store_no_proof", Message: "the file is damaged and nothing says what was in it", Hint: "put a backup back with `qrposd restore`; where there is none and a new store may begin, say so with `qrposd salvage -fresh`"}
	ErrUnhurt       = &Error{Code: "store_unhurt", Message: "the file is in order", Hint: "start the till"}
	ErrOtherDevice  = &Error{Code: "store_other_device", Message: "the file belongs to another till", Hint: "a copied disk must not sell beside its original; if this machine replaces the other one, which is off for good, run `qrposd adopt` once as the user that runs the till"}
	ErrBackup       = &Error{Code: "backup_unread", Message: "the backup cannot be read", Hint: "check that the file is whole and that the key belongs to one of its recipients; nothing was changed"}
	ErrBackupRoom   = &Error{Code: "backup_room", Message: "there is no room for a backup", Hint: "free disk space, keep fewer backups, or have them made on another disk"}
	ErrRestoreWord  = &Error{Code: "restore_word", Message: "nobody stands for this", Hint: "say who puts the backup back and, to put another store aside for it, why"}
	ErrRestoreOver  = &Error{Code: "restore_over", Message: "there is a store in the place that must not be lost", Hint: "start the till with it and let it finish; if it is to be put aside all the same, say so with -discard and -why: it is kept under another name"}
	ErrRestoreTill  = &Error{Code: "restore_till", Message: "the backup is of another till", Hint: "check till.id in the configuration, or take the right backup"}
	ErrRestoreClock = &Error{Code: "restore_clock", Message: "the clock of this machine is behind the backup", Hint: "set the clock and try again: numbers and keys are made from it"}
	ErrRestoreMoved = &Error{Code: "restore_moved", Message: "the backup was made on another machine", Hint: "two tills with one store would take back each other's charges; if the other machine is off for good, say so with -moved"}
	ErrArchive      = &Error{Code: "archive_unreadable", Message: "an older part of the books cannot be read", Hint: "put the archive files back beside the store from a backup; `qrposd check` names what is missing; new sales go on"}
	ErrAccess       = &Error{Code: "store_access", Message: "the file cannot be used", Hint: "check that it and its directory belong to the user that runs the till"}
)

// statuses are the HTTP statuses of the refusals. 503 asks to try again when the
// till is back, 500 sends for somebody.
var statuses = map[string]int{
	ErrNotFound.Code: 404, ErrCaseNotFound.Code: 404, ErrCaseClosed.Code: 409, ErrReceiptNotFound.Code: 404, ErrReceiptUsed.Code: 409, ErrReceiptReused.Code: 422, ErrReceiptForm.Code: 422, ErrDayNotFound.Code: 404, ErrDayBusy.Code: 409, ErrDrawer.Code: 422, ErrOnceMismatch.Code: 422, ErrFull.Code: 507, ErrInDoubt.Code: 503, ErrClosed.Code: 503,
	ErrLocked.Code: 503, ErrNewer.Code: 500, ErrForeign.Code: 500, ErrCorrupt.Code: 500, ErrAccess.Code: 500, ErrOtherDevice.Code: 500, ErrArchive.Code: 500, ErrBehind.Code: 500, ErrNoProof.Code: 500, ErrUnhurt.Code: 500,
	ErrBackup.Code: 500, ErrBackupRoom.Code: 507, ErrRestoreWord.Code: 500, ErrRestoreOver.Code: 500, ErrRestoreTill.Code: 500, ErrRestoreClock.Code: 500, ErrRestoreMoved.Code: 500,
}

// because is e with what lies behind it.
func (e *Error) because(err error) *Error {
	with := *e
	with.Err = err
	return &with
}

func (e *Error) becausef(format string, args ...any) *Error {
	return e.because(fmt.Errorf(format, args...))
}
