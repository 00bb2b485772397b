// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The server of ./perf/run --net in Go, as one writes it there. ../server.hpp describes its command line.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"syscall"
)

const echoBuffer = 512 // as in ../connection.hpp

func echo(c net.Conn) {
	defer c.Close()
	buffer := make([]byte, echoBuffer)
	for {
		n, err := c.Read(buffer)
		if err != nil {
			return
		}
		if _, err := c.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// Answers with the bytes of ../http.hpp: no date, and the headers that the other servers send.
func hello(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h["Date"] = nil
	h.Set("Content-Length", "14")
	h.Set("Content-Type", "text/plain")
	io.WriteString(w, "Hello, world!\n")
}

// Asks the kernel to end the process when the parent ends.
func dieWithParent() {
	syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0)
}

func main() {
	what := ""
	if len(os.Args) == 2 {
		what = os.Args[1]
	}
	switch what {
	case "version":
		fmt.Println("Go " + runtime.Version()[2:])
		return
	case "echo", "http":
	default:
		fmt.Fprintln(os.Stderr, "usage: net_server_go echo | http | version")
		os.Exit(2)
	}
	dieWithParent()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("port", listener.Addr().(*net.TCPAddr).Port)
	if what == "http" {
		http.Serve(listener, http.HandlerFunc(hello))
		return
	}
	for {
		c, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go echo(c)
	}
}
