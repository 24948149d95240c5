/* The socket. Every wait has a deadline by the monotonic clock, and a signal
 * neither ends nor prolongs it: the module lives in other people's processes. */

#include "pamclient.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { RETRY_MS = 50 }; /* between two tries to reach a daemon being started */

const char *wire_name(enum wire wire)
{
	switch (wire) {
	case WIRE_GONE:
		return "the daemon is not there: systemctl status spse-totpd";
	case WIRE_LATE:
		return "the daemon is late";
	case WIRE_GARBLED:
		return "the daemon's message is garbled: are module and daemon of one version?";
	case WIRE_OK:
		return "no error";
	case WIRE_FAILED:
		break;
	}
	return "a system call failed";
}

/* CLOCK_MONOTONIC in milliseconds, or -1. */
static int64_t now_ms(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
		return -1;
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Without a clock everything is late. */
static int64_t deadline_in(unsigned seconds)
{
	int64_t now = now_ms();

	return now < 0 ? 0 : now + (int64_t)seconds * 1000;
}

/* Milliseconds until then; 0 when it has passed. */
static int left_until(int64_t deadline)
{
	int64_t now = now_ms();

	if (now < 0 || now >= deadline)
		return 0;
	return (int)(deadline - now);
}

/* Lets connect() and send() block until the deadline: connect() to a socket
 * whose backlog is full waits, and nothing but SO_SNDTIMEO bounds it. */
static enum wire bound_by(int fd, int64_t deadline)
{
	int left = left_until(deadline);
	struct timeval limit = { .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 };

	if (left == 0) /* as a limit, zero is for ever */
		return WIRE_LATE;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0)
		return WIRE_FAILED;
	return WIRE_OK;
}

static enum wire connect_once(int fd, const struct sockaddr_un *address, int64_t deadline)
{
	for (;;) {
		enum wire bound = bound_by(fd, deadline);

		if (bound != WIRE_OK)
			return bound;
		if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
			return WIRE_OK;
		if (errno == EINTR)
			continue;
		if (errno == ECONNREFUSED || errno == ENOENT)
			return WIRE_GONE;
		return errno == EAGAIN ? WIRE_LATE : WIRE_FAILED; /* a full backlog */
	}
}

enum wire wire_dial(const char *path, unsigned timeout, bool patient, int *ret_fd)
{
	int64_t deadline = deadline_in(timeout);
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return WIRE_FAILED;
	}
	strcpy(address.sun_path, path);

	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return WIRE_FAILED;

	enum wire wire = connect_once(fd, &address, deadline);

	while (patient && wire == WIRE_GONE && left_until(deadline) > 0) {
		(void)poll(NULL, 0, RETRY_MS); /* a signal only shortens the pause */
		wire = connect_once(fd, &address, deadline);
	}
	if (wire == WIRE_OK) {
		*ret_fd = fd;
		return WIRE_OK;
	}

	int reason = errno;

	(void)close(fd);
	errno = reason;
	return wire;
}

enum wire wire_send(int fd, const struct frame *frame, unsigned timeout)
{
	int64_t deadline = deadline_in(timeout);

	if (frame->overflow) {
		errno = EMSGSIZE;
		return WIRE_FAILED;
	}
	for (;;) {
		enum wire bound = bound_by(fd, deadline);

		if (bound != WIRE_OK)
			return bound;
		if (send(fd, frame->bytes, frame->length, MSG_NOSIGNAL) >= 0) /* a datagram goes whole */
			return WIRE_OK;
		if (errno == EINTR)
			continue;
		if (errno == EPIPE || errno == ECONNRESET)
			return WIRE_OK;
		return errno == EAGAIN ? WIRE_LATE : WIRE_FAILED;
	}
}

/* Waits until something can be read, or the end. */
static enum wire wait_for(int fd, int64_t deadline)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };

	for (;;) {
		int left = left_until(deadline);

		if (left == 0)
			return WIRE_LATE;

		int ready = poll(&poller, 1, left);

		if (ready > 0)
			return WIRE_OK;
		if (ready == 0)
			return WIRE_LATE;
		if (errno != EINTR)
			return WIRE_FAILED;
	}
}

/* recv() returns the datagram's own length, even when it was cut (MSG_TRUNC).
 * A daemon that closed with our answer unread gives ECONNRESET once, before the
 * messages it had sent; so after one of those we read again. */
static enum wire receive_datagram(int fd, int64_t deadline, uint8_t buffer[FRAME_MAX], size_t *ret_length)
{
	bool was_reset = false;

	for (;;) {
		enum wire wire = wait_for(fd, deadline);

		if (wire != WIRE_OK)
			return wire;

		ssize_t length = recv(fd, buffer, FRAME_MAX, MSG_DONTWAIT | MSG_TRUNC);

		if (length > FRAME_MAX)
			return WIRE_GARBLED;
		if (length > 0) {
			*ret_length = (size_t)length;
			return WIRE_OK;
		}
		if (length == 0)
			return WIRE_GONE;
		if (errno == ECONNRESET && was_reset)
			return WIRE_GONE;
		if (errno == ECONNRESET)
			was_reset = true;
		else if (errno != EINTR && errno != EAGAIN)
			return WIRE_FAILED;
	}
}

enum wire wire_receive(int fd, unsigned timeout, struct reply *ret_reply)
{
	uint8_t buffer[FRAME_MAX];
	size_t length;
	enum wire wire = receive_datagram(fd, deadline_in(timeout), buffer, &length);

	if (wire == WIRE_OK && !reply_parse(buffer, length, ret_reply))
		wire = WIRE_GARBLED;
	explicit_bzero(buffer, sizeof(buffer)); /* a show may hold a secret */
	return wire;
}
