/* Stands before libc's functions (LD_PRELOAD): a machine without random numbers
 * where NO_RANDOM is set, and one whose clock shows the second CLOCK of Unix time. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

ssize_t getrandom(void *buffer, size_t length, unsigned int flags)
{
    if (getenv("NO_RANDOM")) {
        errno = ENOSYS;
        return -1;
    }
    return syscall(SYS_getrandom, buffer, length, flags);
}

/* Rust's std opens every file by it. */
int open64(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    int mode = va_arg(rest, int);
    va_end(rest);
    if (getenv("NO_RANDOM") && strcmp(path, "/dev/urandom") == 0) {
        errno = ENOENT;
        return -1;
    }
    return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    const char *seconds = getenv("CLOCK");
    if (seconds && clock == CLOCK_REALTIME) {
        time->tv_sec = atoll(seconds);
        time->tv_nsec = 0;
        return 0;
    }
    return syscall(SYS_clock_gettime, clock, time);
}
