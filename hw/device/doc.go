// Package device says which machine this is, and gives nothing of it away.
//
// The identity is what the hardware was made with: it outlives reboots, new disks
// and new images, another machine has another one, and so has a machine that got
// a copy of this one's disk. That rules out what the disk brings along
// (/etc/machine-id, the UUID of the root file system, a file written at first
// boot) and what software sets (host name, a changed MAC address).
//
// There are classes of evidence, and only the strongest that is there counts: the
// serial numbers of the board, the one in /proc/cpuinfo, the soldered eMMC, wired
// network interfaces, wireless ones. Were they mixed, a network dongle that is
// pulled out would make another machine of a box whose serial number says
// otherwise. Within a class all values count, each once and sorted, whatever file
// they came from: a device tree that is seen in /sys and in /proc is one. Only
// kernels without a device tree have something of their own in /proc/cpuinfo, and
// a sandboxed daemon does not see it. Wireless interfaces come last because
// network managers give them random addresses while they scan.
//
// A machine that has nothing but interfaces is another one when a wired one is
// added or removed. Who has such machines names the file of the built-in one.
//
// Everybody on the machine gets the same identity or an error. The DMI serial
// numbers of a PC are files that only root may read, the daemon is not root, and
// the commands that an operator runs may be. So what only its owner may read is
// passed over, unless it was named; what others may read but this process may
// not is an error. A tmpfiles.d line such as
//
//	z /sys/class/dmi/id/product_uuid 0440 root qrposd
//
// lets the daemon have it, and must be in force before the identity is first used.
//
// What leaves the package is an HMAC under the merchant's secret: the numbers have
// too little entropy for a plain hash to hide them, and two merchants cannot find
// out that they bought the same box.
//
// Rejected: an SD card's number (the card travels with the data that it is to
// tell apart), a TPM (few tills have one), a secret in a file (a copied disk has
// it as well).
package device
