// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// sanitizer.hpp: tells AddressSanitizer, ThreadSanitizer and Valgrind which stack runs. Each is
// detected at compile time; without any of them, all functions are empty. Only switch.hpp and
// call_on_stack.hpp use it.
#pragma once

#include <cstddef>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define FIBER_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define FIBER_TSAN 1
#endif

#ifdef FIBER_ASAN
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef FIBER_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define FIBER_VALGRIND 1
#endif

#ifdef FIBER_ASAN
#define FIBER_NO_ASAN [[gnu::no_sanitize_address]]
#else
#define FIBER_NO_ASAN
#endif

namespace fiber::arch {

#if defined(FIBER_ASAN)

class sanitizer_state {
public:
    void adopt_thread() noexcept {
        pthread_attr_t attributes;
        void* bottom = nullptr;
        if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
            pthread_attr_getstack(&attributes, &bottom, &size_);
            pthread_attr_destroy(&attributes);
        }
        bottom_ = bottom;
    }
    void attach(void* bottom, std::size_t size) noexcept {
        bottom_ = bottom;
        size_ = size;
        __asan_unpoison_memory_region(bottom, size); // the last user may have left it poisoned
    }
    // Also destroys the frames that AddressSanitizer keeps to find uses after return, several MiB
    // of address space. Only a thread on that stack can do this, so the thread pretends to be on it
    // for a moment.
    FIBER_NO_ASAN void detach() noexcept {
        __asan_unpoison_memory_region(bottom_, size_);
        if (fake_stack_ == nullptr)
            return;
        void* own_fake_stack = nullptr;
        void const* own_bottom = nullptr;
        std::size_t own_size = 0;
        __sanitizer_start_switch_fiber(&own_fake_stack, bottom_, size_);
        __sanitizer_finish_switch_fiber(fake_stack_, &own_bottom, &own_size);
        __sanitizer_start_switch_fiber(nullptr, own_bottom, own_size);
        __sanitizer_finish_switch_fiber(own_fake_stack, nullptr, nullptr);
        fake_stack_ = nullptr;
    }
    // Sets the stack on which the flow is suspended, if it is not its first stack: see
    // extension_notes.
    void set_stack(void* bottom, std::size_t size) noexcept {
        bottom_ = bottom;
        size_ = size;
    }
    void start_switch(sanitizer_state const& to) noexcept {
        __sanitizer_start_switch_fiber(&fake_stack_, to.bottom_, to.size_);
    }
    void finish_switch() noexcept { __sanitizer_finish_switch_fiber(fake_stack_, nullptr, nullptr); }

private:
    void* fake_stack_ = nullptr;
    void const* bottom_ = nullptr;
    std::size_t size_ = 0;
};

// Notes for a call on a stack extension by the same flow. before_call and after_call run on the
// caller's stack; on_entry and on_exit run first and last on the extension.
class extension_notes {
public:
    void before_call(void* bottom, std::size_t size) noexcept {
        __asan_unpoison_memory_region(bottom, size); // the last user may have left it poisoned
        __sanitizer_start_switch_fiber(&fake_stack_, bottom, size);
    }
    FIBER_NO_ASAN void on_entry() noexcept { __sanitizer_finish_switch_fiber(nullptr, &bottom_, &size_); }
    FIBER_NO_ASAN void on_exit() noexcept { __sanitizer_start_switch_fiber(nullptr, bottom_, size_); }
    void after_call() noexcept { __sanitizer_finish_switch_fiber(fake_stack_, nullptr, nullptr); }

private:
    void* fake_stack_ = nullptr;
    void const* bottom_ = nullptr; // of the caller's stack
    std::size_t size_ = 0;
};

#elif defined(FIBER_TSAN)

class sanitizer_state {
public:
    void adopt_thread() noexcept { fiber_ = __tsan_get_current_fiber(); }
    void attach(void*, std::size_t) noexcept { fiber_ = __tsan_create_fiber(0); }
    void detach() noexcept { __tsan_destroy_fiber(fiber_); }
    void set_stack(void*, std::size_t) noexcept {}
    // Flag 0: the switch orders what this thread did before it against what it does after it. This
    // holds for the code of one OS thread. The commit function relies on it when it accesses the
    // old stack.
    void start_switch(sanitizer_state const& to) noexcept { __tsan_switch_to_fiber(to.fiber_, 0); }
    void finish_switch() noexcept {}

private:
    void* fiber_ = nullptr;
};

#elif defined(FIBER_VALGRIND)

class sanitizer_state {
public:
    void adopt_thread() noexcept {}
    void attach(void* bottom, std::size_t size) noexcept {
        stack_id_ = VALGRIND_STACK_REGISTER(bottom, static_cast<std::byte*>(bottom) + size);
    }
    void detach() noexcept { VALGRIND_STACK_DEREGISTER(stack_id_); }
    void set_stack(void*, std::size_t) noexcept {}
    void start_switch(sanitizer_state const&) noexcept {}
    void finish_switch() noexcept {}

private:
    unsigned stack_id_ = 0;
};

#else

class sanitizer_state {
public:
    void adopt_thread() noexcept {}
    void attach(void*, std::size_t) noexcept {}
    void detach() noexcept {}
    void set_stack(void*, std::size_t) noexcept {}
    void start_switch(sanitizer_state const&) noexcept {}
    void finish_switch() noexcept {}
};

#endif

#if defined(FIBER_VALGRIND) && !defined(FIBER_ASAN) && !defined(FIBER_TSAN)

class extension_notes {
public:
    void before_call(void* bottom, std::size_t size) noexcept {
        stack_id_ = VALGRIND_STACK_REGISTER(bottom, static_cast<std::byte*>(bottom) + size);
    }
    void on_entry() noexcept {}
    void on_exit() noexcept {}
    void after_call() noexcept { VALGRIND_STACK_DEREGISTER(stack_id_); }

private:
    unsigned stack_id_ = 0;
};

#elif !defined(FIBER_ASAN)

class extension_notes { // for ThreadSanitizer, this is a call like any other
public:
    void before_call(void*, std::size_t) noexcept {}
    void on_entry() noexcept {}
    void on_exit() noexcept {}
    void after_call() noexcept {}
};

#endif

} // namespace fiber::arch
