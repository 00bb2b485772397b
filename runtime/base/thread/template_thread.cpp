// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// template_thread.cpp: the queue of requests to the template thread, and its loop.
#include "runtime/base/thread/template_thread.hpp"

#include "runtime/base/lock/futex.hpp"

#include <utility>

namespace fiber::rt {

void template_thread::start() { thread_.start(main, this); }

void template_thread::stop() noexcept {
    stopping_.store(true, std::memory_order_relaxed);       // relaxed: request_count_ orders it
    request_count_.fetch_add(1, std::memory_order_release); // [template_thread]
    futex_wake_one(request_count_);
    thread_.join();
}

void template_thread::make(os_thread& thread, void* (*body)(void*), void* argument) {
    struct {
        os_thread& thread;
        void* (*body)(void*);
        void* argument;
        int error;
    } what{thread, body, argument, 0};
    call(
        [](void* self) noexcept {
            auto& made = *static_cast<decltype(what)*>(self);
            made.error = made.thread.try_start(made.body, made.argument);
        },
        &what);
    if (what.error != 0)
        throw_cannot_start(what.error);
}

void template_thread::call(void (*work)(void*) noexcept, void* argument) noexcept {
    request mine{work, argument};
    mine.next = requests_.load(std::memory_order_relaxed); // relaxed: this thread does not follow it
    while (!requests_.compare_exchange_weak(mine.next, &mine,
                                            std::memory_order_release)) // release: the fields of mine
        ;
    request_count_.fetch_add(1, std::memory_order_release); // [template_thread]
    futex_wake_one(request_count_);
    while (mine.done.load(std::memory_order_acquire) == 0) // acquire: the work's effects
        futex_wait(mine.done, 0, never);
}

// Returns the requests, the oldest first.
template_thread::request* template_thread::take_all() noexcept {
    request* first = nullptr;
    for (request* r = requests_.exchange(nullptr, std::memory_order_acquire); r != nullptr;) {
        request* const before = std::exchange(r->next, first);
        first = std::exchange(r, before);
    }
    return first;
}

void* template_thread::main(void* self) noexcept {
    auto& me = *static_cast<template_thread*>(self);
    name_this_thread("fiber-template");
    for (;;) {
        auto const seen = me.request_count_.load(std::memory_order_acquire); // [template_thread]
        if (me.stopping_.load(std::memory_order_relaxed)) // relaxed: ordered by request_count_
            return nullptr;
        request* r = me.take_all();
        if (r == nullptr)
            futex_wait(me.request_count_, seen, never);
        while (r != nullptr) {
            request& mine = *std::exchange(r, r->next);
            mine.work(mine.argument);
            // release: the work's effects. `mine` may be destroyed afterwards; the wake then wakes no thread,
            // or one that checks again.
            mine.done.store(1, std::memory_order_release);
            futex_wake_one(mine.done);
        }
    }
}

} // namespace fiber::rt
