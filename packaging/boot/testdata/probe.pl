# Tries what the daemon's sandbox must forbid, and a few things that it must
# allow. Prints one line for each: "name yes" or "name no". perl-base is in every
# Debian.
use strict;
use warnings;
use Socket;
use Fcntl;
use POSIX ();

my $arm = (POSIX::uname())[4] eq 'aarch64';
sub nr { $arm ? $_[1] : $_[0] }    # system calls of x86_64 and of arm64

sub try {
	my ($name, $what) = @_;
	print $name, ($what->() ? " yes\n" : " no\n");
}
sub writable {
	my ($path) = @_;
	sysopen(my $f, $path, O_WRONLY | O_CREAT | O_EXCL, 0600) or return 0;
	unlink $path;
	return 1;
}
sub runs {
	my $pid = fork // return 0;
	if ($pid == 0) { open STDOUT, '>', '/dev/null'; { no warnings; exec @_ } POSIX::_exit(126) }
	waitpid $pid, 0;
	return $? == 0;
}
# A system call that is tried in a child, which may die of it.
sub in_child {
	my ($call) = @_;
	my $pid = fork // return 0;
	POSIX::_exit($call->() == -1 ? 1 : 0) if $pid == 0;
	waitpid $pid, 0;
	return $? == 0;
}
use constant { ANON => 0x22, R => 1, W => 2, X => 4 };
sub map_pages { syscall(nr(9, 222), 0, 4096, $_[0], ANON, -1, 0) }

# What must work.
try 'write:state', sub { writable("$ENV{STATE_DIRECTORY}/probe") };
try 'socket:unix', sub { socket(my $s, AF_UNIX, SOCK_DGRAM, 0) };
try 'read:keyset', sub { open(my $f, '<', "$ENV{CREDENTIALS_DIRECTORY}/keyset") or return 0; length <$f> };
try 'map:rw', sub { in_child(sub { map_pages(R | W) }) };
try 'run:getent', sub { runs('/usr/bin/getent', 'passwd', 'root') };

# What must not.
try 'socket:inet', sub { socket(my $s, AF_INET, SOCK_STREAM, 0) };
try 'socket:inet6', sub { socket(my $s, AF_INET6, SOCK_STREAM, 0) };
try 'socket:netlink', sub { socket(my $s, 16, SOCK_RAW, 0) };
try 'socket:packet', sub { socket(my $s, 17, SOCK_RAW, 0) };
for my $dir (qw(/ /etc /usr /var /var/lib /var/tmp /tmp /run /run/spse-totp /dev /dev/shm /dev/mqueue /root /home)) {
	try "write:$dir", sub { writable("$dir/probe") };
}
try 'read:shadow', sub { open(my $f, '<', '/etc/shadow') };
try 'see:others', sub { grep { !-e "/proc/$$/task/$_" && $_ != getppid() && $_ != $$ } map { m{/proc/(\d+)$} } glob('/proc/[0-9]*') };
try 'signal:init', sub { kill 0, 1 };
try 'run:sh', sub { runs('/bin/sh', '-c', ':') };
try 'run:state', sub {
	my $path = "$ENV{STATE_DIRECTORY}/getent";
	open(my $from, '<', '/usr/bin/getent') or return 0;
	sysopen(my $to, $path, O_WRONLY | O_CREAT, 0700) or return 0;
	local $/;
	print $to readline $from;
	close $to;
	my $ran = runs($path, 'passwd', 'root');
	unlink $path;
	return $ran;
};
try 'map:rwx', sub { in_child(sub { map_pages(R | W | X) }) };
try 'map:rw-then-x', sub { in_child(sub { syscall(nr(10, 226), map_pages(R | W), 4096, R | X) }) };
try 'mount', sub { in_child(sub { syscall(nr(165, 40), my $a = 'none', my $b = '/tmp', my $c = 'tmpfs', 0, 0) }) };
try 'unshare:user', sub { in_child(sub { syscall(nr(272, 97), 0x10000000) }) };
try 'unshare:mount', sub { in_child(sub { syscall(nr(272, 97), 0x00020000) }) };
try 'trace', sub { in_child(sub { syscall(nr(101, 117), 0, 0, 0, 0) }) };
try 'personality', sub { in_child(sub { syscall(nr(135, 92), 0x0040000) }) };
try 'realtime', sub { in_child(sub { my $p = pack 'i', 1; syscall(nr(144, 119), 0, 1, $p) }) };
try 'keyring', sub { in_child(sub { syscall(nr(250, 219), 0, -3, 1) }) };
try 'chown', sub { in_child(sub { syscall(nr(260, 54), -100, my $a = '/tmp', 0, 0, 0) }) };
try 'setuid-file', sub {
	my $path = "$ENV{STATE_DIRECTORY}/setuid";
	sysopen(my $f, $path, O_WRONLY | O_CREAT, 0600) or return 1;
	my $set = chmod 04755, $path;
	unlink $path;
	return $set;
};
