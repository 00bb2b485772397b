// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// sqlite_test.cpp: SQLite, with a connection for each fiber. While the file is locked, SQLite sleeps and
// tries again.

#include "tests/hook/clients/crowd.hpp"

#include <memory>
#include <sqlite3.h>

namespace {

struct free_sqlite {
    void operator()(sqlite3* db) const noexcept { sqlite3_close(db); }
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};
using database = std::unique_ptr<sqlite3, free_sqlite>;

database open(std::string const& file) {
    constexpr int ten_minutes = 600'000; // milliseconds
    sqlite3* db = nullptr;
    sqlite3_open_v2(file.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                    nullptr);
    sqlite3_busy_timeout(db, ten_minutes);
    return database(db);
}

// Returns the text for the number, or what SQLite says about its failure.
std::string find(database const& db, int number) {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(db.get(), "SELECT text FROM squares WHERE number = ?", -1, &statement, nullptr);
    std::unique_ptr<sqlite3_stmt, free_sqlite> const end(statement);
    sqlite3_bind_int(statement, 1, number);
    if (sqlite3_step(statement) != SQLITE_ROW)
        return sqlite3_errmsg(db.get());
    return reinterpret_cast<char const*>(sqlite3_column_text(statement, 0));
}

// Locks the file, and fills the table when all wait for it.
class owner {
public:
    explicit owner(int rows) : db_(open(file())), rows_(rows) {
        run("PRAGMA synchronous = OFF");
        run("BEGIN EXCLUSIVE");
        run("CREATE TABLE squares (number INTEGER PRIMARY KEY, text TEXT)");
    }
    [[nodiscard]] std::string file() const { return directory_.file("squares"); }
    void wait_for_questions(int) const {} // clients sleep
    static constexpr bool answers_all_at_once = true;
    void answer(int client) const {
        if (client != 0)
            return;
        for (int i = 0; i < rows_; ++i)
            run("INSERT INTO squares VALUES (" + std::to_string(i) + ", '" + tests::answer_to(i) + "')");
        run("COMMIT");
    }

private:
    void run(std::string const& command) const {
        tests::must(sqlite3_exec(db_.get(), command.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
    }
    tests::temporary_directory directory_;
    database db_;
    int rows_;
};

} // namespace

TEST_CASE("SQLite parks", "[hook_clients]") {
    tests::raise_descriptor_limit();
    owner of_file(tests::crowd_size());
    tests::expect expect;
    fiber::runtime here;
    tests::check_crowd(here, of_file, [&](int i) {
        expect(find(open(of_file.file()), i) == tests::answer_to(i), "the text");
    });
}
