// Package scanner turns the bytes of a serial barcode scanner into classified scans.
//
// A till lives with its scanner for years: it is unplugged by a knee, replugged into another socket, opened by a modem
// manager, set to another baud rate by a configuration barcode. So one goroutine owns the port for the life of the
// daemon ([Reader.Run]), opens it by a stable name, never by ttyACMn, and says at any moment what it knows
// ([Reader.Status]) in terms a cashier can act on.
//
// The layers, from the wire up: [Port] (two descriptors on one tty), framer (bytes to frames), debouncer, [Classify],
// [Reader] (the loop). All but Port and Reader are pure: no I/O, and time is an argument.
//
// What was rejected, and why:
//   - Reading through tarm/serial alone. It opens, configures and reads the port well, but has no cancel, no deadline, no
//     lock, and reports an idle tick and an unplugged device alike, as io.EOF. A second descriptor gives all four.
//   - go.bug.st/serial: it has a cancellable read, but no hangup on idle and no flock; and its port list reprograms ports.
//   - Netlink for hotplug: inotify on the directory of the symlink wakes as fast and needs no further address family in
//     the sandbox of the service.
//   - Repairing a damaged code. A payer code with one foreign character is refused: the customer holds up the phone once
//     more, which is cheaper than charging a stranger.
//   - A keyboard wedge: it types into whatever has the focus.
package scanner
