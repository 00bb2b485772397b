// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// waits.cpp: poll, select, epoll_wait and their variants. The kernel is asked first, without a wait, and says
// what is ready. poll() of the library says when to ask again. A signal mask belongs to an OS thread, so a
// call with a mask blocks its thread.

#include "runtime/hook/hooked.hpp"
#include "runtime/hook/times.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

using namespace fiber::hook_library;

FIBER_HOOK(int, poll, (pollfd * files, nfds_t count, int timeout)) {
    return in_call(seam_of.io, &hook_seam::poll, real_poll, files, count, timeout);
}
FIBER_HOOK(int, ppoll, (pollfd * files, nfds_t count, timespec const* timeout, sigset_t const* mask)) {
    return in_call(seam_of.io, &hook_seam::ppoll, real_ppoll, files, count, timeout, mask);
}

// ── epoll: a set is a file that poll() knows ──

namespace {

// Waits until the set has an event, or until the deadline. Returns false on an error.
bool wait_for_set(int set, clock::time_point deadline) noexcept {
    pollfd file{set, POLLIN, 0};
    timespec const left = time_until(deadline);
    return seam_of.io->ppoll(&file, 1, deadline == never ? nullptr : &left, nullptr) >= 0;
}

// ask() makes the call without a wait.
template <class Ask>
int wait_in_epoll(hook_record& record, int set, clock::time_point deadline, Ask const& ask) noexcept {
    marked const in(record);
    for (;;) {
        int const n = ask();
        if (n != 0 || clock::now() >= deadline)
            return n;
        if (!wait_for_set(set, deadline))
            return -1;
    }
}

clock::time_point deadline_after(int milliseconds) noexcept {
    return milliseconds < 0 ? never : clock::now() + std::chrono::milliseconds(milliseconds);
}

} // namespace

FIBER_HOOK(int, epoll_wait, (int set, epoll_event* events, int size, int timeout)) {
    hook_record* const record = timeout != 0 ? parking_caller(seam_of.io) : nullptr;
    if (record == nullptr)
        return real_epoll_wait(set, events, size, timeout);
    return wait_in_epoll(*record, set, deadline_after(timeout),
                         [=] { return real_epoll_wait(set, events, size, 0); });
}

FIBER_HOOK(int, epoll_pwait, (int set, epoll_event* events, int size, int timeout, sigset_t const* mask)) {
    if (mask != nullptr && timeout != 0)
        return in_blocking_call(seam_of.io, real_epoll_pwait, set, events, size, timeout, mask);
    hook_record* const record = timeout != 0 ? parking_caller(seam_of.io) : nullptr;
    if (record == nullptr)
        return real_epoll_pwait(set, events, size, timeout, mask);
    return wait_in_epoll(*record, set, deadline_after(timeout),
                         [=] { return real_epoll_pwait(set, events, size, 0, nullptr); });
}

FIBER_HOOK(int, epoll_pwait2,
           (int set, epoll_event* events, int size, timespec const* timeout, sigset_t const* mask)) {
    bool const waits = timeout == nullptr || (is_valid(*timeout) && !is_zero(*timeout));
    if (mask != nullptr && waits)
        return in_blocking_call(seam_of.io, real_epoll_pwait2, set, events, size, timeout, mask);
    hook_record* const record = waits ? parking_caller(seam_of.io) : nullptr;
    if (record == nullptr)
        return real_epoll_pwait2(set, events, size, timeout, mask);
    constexpr timespec zero{};
    return wait_in_epoll(*record, set, timeout == nullptr ? never : clock::now() + length_of(*timeout),
                         [=, &zero] { return real_epoll_pwait2(set, events, size, &zero, nullptr); });
}

// ── select ──

namespace {

struct sets {
    fd_set *read, *write, *except;
};

bool holds(fd_set const* set, int fd) noexcept { return set != nullptr && FD_ISSET(fd, set); }

short events_of(sets const& s, int fd) noexcept {
    int const events = (holds(s.read, fd) ? POLLIN : 0) | (holds(s.write, fd) ? POLLOUT : 0) |
                       (holds(s.except, fd) ? POLLPRI : 0);
    return static_cast<short>(events);
}

// The files of a call of select(), as poll() wants them. A few stand on the stack.
class file_list {
public:
    file_list() = default;
    ~file_list() {
        if (first_ != few_.data())
            std::free(first_);
    }
    file_list(file_list const&) = delete;
    file_list& operator=(file_list const&) = delete;

    // Returns false if there is no memory.
    [[nodiscard]] bool fill(sets const& s, int count) noexcept {
        std::size_t n = 0;
        for (int fd = 0; fd < count; ++fd)
            n += events_of(s, fd) != 0;
        if (n > few_.size())
            first_ = static_cast<pollfd*>(std::malloc(n * sizeof(pollfd)));
        if (first_ == nullptr)
            return false;
        for (int fd = 0; fd < count; ++fd)
            if (short const events = events_of(s, fd); events != 0)
                first_[size_++] = {fd, events, 0};
        return true;
    }
    [[nodiscard]] pollfd* begin() noexcept { return first_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    std::array<pollfd, 16> few_;
    pollfd* first_ = few_.data();
    std::size_t size_ = 0;
};

// Another agent may take what poll() has seen. After more such waits in a row the call is left to the kernel.
constexpr unsigned max_vain_waits = 3;

// Keeps what the caller has asked for: each call overwrites it.
class asked {
public:
    explicit asked(sets const& s) noexcept : sets_(s) {
        for (auto const& [set, copy] : pairs())
            if (set != nullptr)
                *copy = *set;
    }
    void restore() noexcept {
        for (auto const& [set, copy] : pairs())
            if (set != nullptr)
                *set = *copy;
    }

private:
    struct pair {
        fd_set *set, *copy;
    };
    [[nodiscard]] std::array<pair, 3> pairs() noexcept {
        return {{{sets_.read, &copies_[0]}, {sets_.write, &copies_[1]}, {sets_.except, &copies_[2]}}};
    }
    sets const sets_;
    std::array<fd_set, 3> copies_;
};

} // namespace

FIBER_HOOK(int, pselect,
           (int count, fd_set* read, fd_set* write, fd_set* except, timespec const* timeout,
            sigset_t const* mask)) {
    bool const waits = timeout == nullptr || (is_valid(*timeout) && !is_zero(*timeout));
    // Larger sets than the type holds are the program's own, and of unknown size.
    if ((mask != nullptr || count > FD_SETSIZE) && waits)
        return in_blocking_call(seam_of.io, real_pselect, count, read, write, except, timeout, mask);
    hook_record* const record = waits ? parking_caller(seam_of.io) : nullptr;
    if (record == nullptr)
        return real_pselect(count, read, write, except, timeout, mask);

    marked const in(*record);
    auto const deadline = timeout == nullptr ? never : clock::now() + length_of(*timeout);
    sets const wanted{read, write, except};
    asked before(wanted);
    file_list files;
    bool has_filled = false;
    unsigned vain_waits = 0;
    constexpr timespec zero{};
    for (;;) {
        int const n = real_pselect(count, read, write, except, &zero, nullptr);
        if (n != 0 || clock::now() >= deadline)
            return n;
        before.restore();
        if (!has_filled && !files.fill(wanted, count))
            return fail_with(ENOMEM);
        has_filled = true;
        timespec const left = time_until(deadline);
        // poll() has more events than select(): a hang-up, where only a write was asked for.
        vain_waits =
            seam_of.io->ppoll(files.begin(), files.size(), deadline == never ? nullptr : &left, nullptr) > 0
                ? vain_waits + 1
                : 0;
        if (vain_waits <= max_vain_waits)
            continue;
        int result = 0;
        call_blocking(*seam_of.io, [&] {
            timespec const rest = time_until(deadline);
            result = real_pselect(count, read, write, except, deadline == never ? nullptr : &rest, nullptr);
        });
        return result;
    }
}

FIBER_HOOK(int, select, (int count, fd_set* read, fd_set* write, fd_set* except, timeval* timeout)) {
    bool const is_usual = timeout == nullptr || (timeout->tv_sec >= 0 && timeout->tv_usec >= 0 &&
                                                 (timeout->tv_sec != 0 || timeout->tv_usec != 0));
    if (!is_usual || parking_caller(seam_of.io) == nullptr)
        return real_select(count, read, write, except, timeout);
    if (timeout == nullptr)
        return fiber_hook_pselect(count, read, write, except, nullptr, nullptr);
    auto const length = std::chrono::seconds(std::min(timeout->tv_sec, far_away)) +
                        std::chrono::microseconds(timeout->tv_usec);
    auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(length);
    timespec const rounded{static_cast<time_t>(seconds.count()),
                           static_cast<long>(std::chrono::nanoseconds(length - seconds).count())};
    auto const deadline = clock::now() + length;
    int const n = fiber_hook_pselect(count, read, write, except, &rounded, nullptr);
    timespec const left = time_until(deadline); // as Linux does
    *timeout = {left.tv_sec, left.tv_nsec / 1000};
    return n;
}

FIBER_HOOK_PART(waits)
