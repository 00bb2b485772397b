// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// exception_of_another_kind: the exception is no std::exception, the fiber has no name, and it
// throws on a stack of with_stack.

// exit: abort
// stderr: fiber: fiber [0-9]+ was left by an exception that is no std::exception
// stderr:     .*
// stderr: ...
// stderr: terminate called after throwing an instance of 'int'
// stderr: ...

#include <fiber/fiber.hpp>

#include <cstddef>

int main() {
    fiber::go([] { fiber::with_stack(std::size_t{1} << 20, [] { throw 7; }); }).join();
}
