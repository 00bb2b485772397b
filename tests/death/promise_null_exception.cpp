// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// promise_null_exception: set_exception(nullptr) aborts, because the future would have neither a
// value nor an exception.

// exit: abort
// stderr: fiber: fiber::promise: set_exception was given a null std::exception_ptr

#include <fiber/future.hpp>

int main() {
    fiber::promise<int> promise;
    auto const future = promise.get_future();
    promise.set_exception(nullptr);
    future.wait();
}
