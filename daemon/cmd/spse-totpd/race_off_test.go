//go:build !race

package main

// buildFlags build the daemon as these tests were built.
var buildFlags []string
