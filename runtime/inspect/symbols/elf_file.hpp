// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// elf_file.hpp: the sections and the functions of a program file or shared library, as it is on disk. dladdr
// knows exported functions only; lambdas and static functions are in the file's symbol table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace fiber::rt {

class elf_file {
public:
    // Maps the file. A file that cannot be read, or is none for this machine, has no sections.
    explicit elf_file(char const* path) noexcept;
    ~elf_file();
    elf_file(elf_file const&) = delete;
    elf_file& operator=(elf_file const&) = delete;

    // Returns the contents of a section; empty if there is none, or it is compressed.
    [[nodiscard]] std::span<std::byte const> section(std::string_view name) const noexcept;

    struct function {
        std::uintptr_t begin, end; // as in the file: without the address at which it is loaded
        char const* name;          // mangled
    };
    // Returns all functions, by address. Throws std::bad_alloc.
    [[nodiscard]] std::vector<function> functions() const;

private:
    struct header;
    struct section_header;
    [[nodiscard]] std::span<section_header const> sections() const noexcept;
    [[nodiscard]] std::span<std::byte const> contents(section_header const&) const noexcept;
    [[nodiscard]] std::string_view name_of(section_header const&) const noexcept;
    template <class T>
    [[nodiscard]] std::span<T const> array_at(std::uint64_t offset, std::uint64_t count) const noexcept;

    std::byte const* data_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace fiber::rt
