/* The wall clock of one process, in the hands of a test.
 *
 * Loaded by LD_PRELOAD. The file that TEST_CLOCK names holds nanoseconds since the Unix epoch as a
 * 64-bit integer; the test writes it, and the clock stands there until it writes again. Only the
 * wall clock is taken over: timers run on the monotonic clock and go on as ever.
 *
 * The libfaketime of Debian does the same for other programs; Envoy hangs in its start-up. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *now;

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("TEST_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *page = MAP_FAILED;
    if (file >= 0)
        page = mmap(NULL, sizeof *now, PROT_READ, MAP_SHARED, file, 0);
    /* With the real clock, tests would pass or fail for the wrong reason. */
    if (page == MAP_FAILED)
        _exit(97);
    now = page;
}

int clock_gettime(clockid_t id, struct timespec *time) {
    if (now && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        int64_t nanos = *now;
        time->tv_sec = nanos / 1000000000;
        time->tv_nsec = nanos % 1000000000;
        return 0;
    }
    return (int)syscall(SYS_clock_gettime, id, time);
}
