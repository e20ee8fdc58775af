/*
 * Makes writes to, and syncs of, the files in a data directory fail as a failing disk makes them. For LD_PRELOAD.
 * What fails stands in the file that FAILING_DISK names, and is read before each call: nothing, `write EIO`, `sync EIO`,
 * `root EIO` (only the root pages of LMDB's data.mdb, the first two), `sync HANG`, until that is over, or `write EROFS` and
 * `root EROFS`, with which no file can be opened to be written either. With `sync KILL n` the process is killed at the nth sync.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define ROOT_PAGES 8192

/* What stands in that file, or nothing. By bare system calls, so that it can't meet itself. */
static void read_fault(char *fault, size_t size) {
  const char *control = getenv("FAILING_DISK");
  fault[0] = 0;
  int file = control == NULL ? -1 : (int)syscall(SYS_openat, AT_FDCWD, control, O_RDONLY, 0);
  if (file < 0) return;
  ssize_t length = syscall(SYS_read, file, fault, size - 1);
  syscall(SYS_close, file);
  fault[length < 0 ? 0 : length] = 0;
}

/* Ends this process as kill -9 does when it has come here so many times. */
static int kill_at(int count) {
  static atomic_int calls;
  if (++calls == count) kill(getpid(), SIGKILL);
  return 0;
}

/* The error of such a call on this file, or 0. */
static int failure(int fd, const char *what) {
  char link[64], path[4096], fault[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  if (strstr(path, strcmp(what, "root") == 0 ? "/data/data.mdb" : "/data/") == NULL) return 0;
  size_t name = strlen(what);
  for (;;) {
    read_fault(fault, sizeof fault);
    if (strncmp(fault, what, name) != 0 || fault[name] != ' ') return 0;
    const char *last = strstr(fault, "KILL ");
    if (last != NULL) return kill_at(atoi(last + strlen("KILL ")));
    if (strstr(fault, "HANG") == NULL) return strstr(fault, "EROFS") != NULL ? EROFS : EIO;
    usleep(20000);
  }
}

static int open_failure(const char *path, int flags) {
  char fault[64];
  if ((flags & (O_ACCMODE | O_CREAT)) == O_RDONLY || strstr(path, "/data/") == NULL) return 0;
  read_fault(fault, sizeof fault);
  return strstr(fault, "EROFS") != NULL ? EROFS : 0;
}

static int write_failure(int fd, off_t offset) {
  int error = failure(fd, "write");
  return error != 0 || offset < 0 || offset >= ROOT_PAGES ? error : failure(fd, "root");
}

#define FAIL_WITH(error) \
  do { int code = (error); if (code != 0) { errno = code; return -1; } } while (0)

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    va_list more; \
    va_start(more, flags); \
    mode_t mode = va_arg(more, mode_t); \
    va_end(more); \
    FAIL_WITH(open_failure(path, flags)); \
    return REAL(name)(path, flags, mode); \
  }

OPEN(open)
OPEN(open64)

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) {
  FAIL_WITH(write_failure(fd, offset));
  return REAL(pwrite)(fd, bytes, size, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t offset) {
  FAIL_WITH(write_failure(fd, offset));
  return REAL(pwrite64)(fd, bytes, size, offset);
}

ssize_t write(int fd, const void *bytes, size_t size) {
  FAIL_WITH(write_failure(fd, -1));
  return REAL(write)(fd, bytes, size);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  FAIL_WITH(write_failure(fd, -1));
  return REAL(writev)(fd, parts, count);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  FAIL_WITH(write_failure(fd, offset));
  return REAL(pwritev)(fd, parts, count, offset);
}

int fdatasync(int fd) {
  FAIL_WITH(failure(fd, "sync"));
  return REAL(fdatasync)(fd);
}

int fsync(int fd) {
  FAIL_WITH(failure(fd, "sync"));
  return REAL(fsync)(fd);
}
