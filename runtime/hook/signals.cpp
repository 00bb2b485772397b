// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// signals.cpp: sigaction, signal. Each handler of the program is called by a function of this library, which
// notes its frame while the handler runs. The program sees its own handlers only.
//
// [hook.handler] A handler that longjmp leaves cannot take its note back. Therefore the note is the address
//   of the frame. All frames of the handler are below it. A caller with a frame above it is not called by
//   the handler.

#include "runtime/hook/handler.hpp"
#include "runtime/hook/hooked.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <sched.h>

namespace fiber::hook_library {
namespace {

using three_arguments = void (*)(int, siginfo_t*, void*);

// The program's handlers, by signal. release and acquire are not needed: a handler is code.
constinit std::array<std::atomic<three_arguments>, NSIG> handlers{};

// The note of handlers that do not run on a fiber's stack.
// initial-exec: a handler must not call the dynamic linker.
[[gnu::tls_model("initial-exec")]] constinit thread_local std::uintptr_t handler_of_thread = 0;

std::uintptr_t frame_of_caller() noexcept {
    return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
}

// Returns the place of the caller's note.
std::uintptr_t& note_of_caller() noexcept {
    hook_record* const record = record_on_own_stack(seam_of.any);
    return record != nullptr ? record->handler : handler_of_thread;
}

[[gnu::noinline]] void call_handler(int signal, siginfo_t* info, void* context) {
    three_arguments const handler =
        handlers[static_cast<std::size_t>(signal)].load(std::memory_order_relaxed); // see there
    if (handler == nullptr)
        return;
    std::uintptr_t& note = note_of_caller();
    std::uintptr_t const before = note;
    note = frame_of_caller(); // [hook.handler]
    handler(signal, info, context);
    note = before;
}

// Blocks all signals of the thread, and waits for its turn to change handlers.
class changing {
public:
    changing() noexcept {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
        while (lock_.test_and_set(std::memory_order_acquire)) // [hook.changing]
            ::sched_yield();
    }
    ~changing() {
        lock_.clear(std::memory_order_release); // [hook.changing]
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    changing(changing const&) = delete;
    changing& operator=(changing const&) = delete;

private:
    sigset_t before_;
    static constinit inline std::atomic_flag lock_{};
};

bool is_function(sighandler_t h) noexcept { return h != SIG_DFL && h != SIG_IGN && h != SIG_ERR; }
bool is_signal(int signal) noexcept { return signal > 0 && signal < NSIG; }
// A handler has one argument or three, and all arrive in registers.
template <class To, class From>
To as(From* handler) noexcept {
    return reinterpret_cast<To>(reinterpret_cast<void*>(handler));
}
sighandler_t ours() noexcept { return as<sighandler_t>(call_handler); }

// change(handler) makes the real call with this handler, and returns false if it fails. `previous` is what
// the real call says was there before.
template <class Change>
bool change_handler(int signal, sighandler_t wanted, Change const& change) noexcept {
    if (!is_function(wanted))
        return change(wanted);
    auto& entry = handlers[static_cast<std::size_t>(signal)];
    auto const before = entry.load(std::memory_order_relaxed);
    entry.store(as<three_arguments>(wanted), std::memory_order_relaxed);
    if (change(ours()))
        return true;
    entry.store(before, std::memory_order_relaxed);
    return false;
}

} // namespace

bool is_in_handler() noexcept {
    std::uintptr_t& note = note_of_caller();
    if (note == 0)
        return false;
    if (&note == &handler_of_thread)
        return true; // cleared by the next handler that returns, if longjmp has left one
    return frame_of_caller() < note;
}

} // namespace fiber::hook_library

using namespace fiber::hook_library;

FIBER_HOOK(int, sigaction, (int signal, struct sigaction const* wanted, struct sigaction* before)) {
    if (seam_of.any == nullptr || !is_signal(signal))
        return real_sigaction(signal, wanted, before);
    changing const turn;
    auto const program_handler = handlers[static_cast<std::size_t>(signal)].load(std::memory_order_relaxed);
    struct sigaction found {};
    int result = 0;
    if (wanted == nullptr)
        result = real_sigaction(signal, nullptr, &found);
    else
        change_handler(signal, wanted->sa_handler, [&](sighandler_t handler) {
            struct sigaction changed = *wanted;
            changed.sa_handler = handler;
            result = real_sigaction(signal, &changed, &found);
            return result == 0;
        });
    if (result == 0 && before != nullptr) {
        if (found.sa_handler == ours())
            found.sa_handler = as<sighandler_t>(program_handler);
        *before = found;
    }
    return result;
}

namespace {

template <class Real>
sighandler_t change_by(Real& real, int signal, sighandler_t wanted) noexcept {
    if (seam_of.any == nullptr || !is_signal(signal))
        return real(signal, wanted);
    changing const turn;
    auto const program_handler = handlers[static_cast<std::size_t>(signal)].load(std::memory_order_relaxed);
    sighandler_t found = SIG_ERR;
    change_handler(signal, wanted, [&](sighandler_t handler) {
        found = real(signal, handler);
        return found != SIG_ERR;
    });
    return found == ours() ? as<sighandler_t>(program_handler) : found;
}

} // namespace

FIBER_HOOK(sighandler_t, signal, (int signal, sighandler_t wanted)) {
    return change_by(real_signal, signal, wanted);
}
FIBER_HOOK(sighandler_t, ssignal, (int signal, sighandler_t wanted)) {
    return change_by(real_ssignal, signal, wanted);
}
FIBER_HOOK(sighandler_t, __sysv_signal, (int signal, sighandler_t wanted)) {
    return change_by(real___sysv_signal, signal, wanted);
}
FIBER_HOOK(sighandler_t, sysv_signal, (int signal, sighandler_t wanted)) {
    return change_by(real_sysv_signal, signal, wanted);
}

FIBER_HOOK_PART(signals)
