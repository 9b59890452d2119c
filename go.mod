module qrposd

go 1.26.0

require (
	filippo.io/age v1.3.2 // encrypts backups to people whose keys the till does not have; +0.13 MB arm64
	github.com/chromedp/chromedp v0.23.0 // tests only: a real Chromium paints the QR codes and drives the cashier page
	github.com/creack/pty v1.1.24 // the scanner simulator and the scanner tests: a pseudo-terminal stands in for a serial port
	github.com/danielgtaylor/huma/v2 v2.37.2 // HTTP API with OpenAPI 3.1 and RFC 9457 problems from Go types; +0.18 MB arm64
	github.com/hanwen/go-fuse/v2 v2.12.1 // tests only: a file system that logs every write and flush of the store
	github.com/pelletier/go-toml/v2 v2.4.3 // strict configuration: an unknown key is an error with its line; +0.26 MB arm64
	github.com/skip2/go-qrcode v0.0.0-20200617195104-da1b6568686e // fixed by the customer: QR symbol from text; +0.18 MB
	github.com/sony/gobreaker/v2 v2.4.0 // fixed by the customer: circuit breaker per outside endpoint; +0.1 MB
	github.com/tarm/serial v0.0.0-20180830185346-98f6abe2eb07 // fixed by the customer: opens, configures and reads the serial port; +0.05 MB
	go.etcd.io/bbolt v1.5.0 // fixed by the customer: the one file that everything owed is kept in; +0.3 MB
	golang.org/x/sys v0.50.0 // poll, flock, TIOCEXCL, fadvise, boot clock: what os and syscall do not export; no weight of its own
	pgregory.net/rapid v1.3.0 // tests only: property tests with shrinking and a printed seed
)

require (
	filippo.io/hpke v0.4.0 // indirect
	github.com/BurntSushi/toml v1.4.1-0.20240526193622-a339e1f7089c // indirect
	github.com/aclements/go-moremath v0.0.0-20210112150236-f10218a38794 // indirect
	github.com/chromedp/cdproto v0.159.0 // indirect
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
	golang.org/x/crypto v0.57.0 // indirect
	golang.org/x/exp/typeparams v0.0.0-20231108232855-2478ac86f678 // indirect
	golang.org/x/mod v0.41.0 // indirect
	golang.org/x/perf v0.0.0-20260908200009-22c9c6c9d4da // indirect
	golang.org/x/sync v0.23.0 // indirect
	golang.org/x/tools v0.51.0 // indirect
	honnef.co/go/tools v0.8.2 // indirect
	mvdan.cc/gofumpt v0.12.0 // indirect
)

tool (
	golang.org/x/perf/cmd/benchstat
	honnef.co/go/tools/cmd/staticcheck
	mvdan.cc/gofumpt
)
