#!/bin/sh
# The first process of namespaces that machine.py made: turns this machine's root, under an overlay, into another one.
#   boot.sh STORE FILES PATH...   STORE is an empty folder to mount on, FILES is laid over the root, each PATH is
#                                 made readable for all. Ends by becoming systemd, which starts test.target.
set -eu
store=$1 files=$2
shift 2
mount -t tmpfs -o size=1g tmpfs "$store"
mkdir "$store/changes" "$store/work" "$store/root"
mount -t overlay -o "lowerdir=/,upperdir=$store/changes,workdir=$store/work" overlay "$store/root"
cd "$store/root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
node() { mknod -m "$2" "dev/$1" c "$3" "$4"; }
node null 666 1 3
node console 600 1 3
node zero 666 1 5
node full 666 1 7
node random 666 1 8
node urandom 666 1 9
node tty 666 5 0
# Stand-ins without a driver: to open one gives ENXIO or ENODEV where that is allowed, EACCES or EPERM where it is not.
node video0 660 81 0
node gpiochip0 660 230 0
node other 660 81 1
for path; do chmod o+rx ".$path"; done
cp -r --no-preserve=ownership "$files/." .
systemd-sysusers --root="$PWD"
chroot . chown :video dev/video0 dev/other
chroot . chown :gpio dev/gpiochip0
mkdir -p oldroot
pivot_root . oldroot
umount -l /oldroot
mount --make-rshared /
exec env -i container=okng-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=test.target --log-target=console --show-status=no
