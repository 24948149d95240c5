package people

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Hang is how long a login may take before it counts as one that hangs. A wrong
// code costs about two seconds by design.
const Hang = 15 * time.Second

// Connect logs in over a real connection; an error means that it was refused,
// or that it hung.
func Connect(address, user string, methods ...ssh.AuthMethod) (*ssh.Client, error) {
	return connect(net.Dialer{Timeout: Hang}, address, user, methods...)
}

func connect(dialer net.Dialer, address, user string, methods ...ssh.AuthMethod) (*ssh.Client, error) {
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(Hang)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	config := &ssh.ClientConfig{User: user, Auth: methods, HostKeyCallback: ssh.InsecureIgnoreHostKey()} // a host of our own
	c, channels, requests, err := ssh.NewClientConn(conn, address, config)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return ssh.NewClient(c, channels, requests), nil
}

// LogIn logs in, and runs a command to see that it was no empty promise.
func LogIn(address, user string, methods ...ssh.AuthMethod) error {
	client, err := Connect(address, user, methods...)
	if err != nil {
		return err
	}
	return see(client)
}

// LogInFrom is LogIn from another address of this machine.
func LogInFrom(source, address, user string, methods ...ssh.AuthMethod) error {
	client, err := connect(net.Dialer{Timeout: Hang, LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}, address, user, methods...)
	if err != nil {
		return err
	}
	return see(client)
}

func see(client *ssh.Client) error {
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	defer session.Close()
	out, err := session.Output("echo in")
	if err != nil {
		return fmt.Errorf("logged in, and no command ran: %w", err)
	}
	if string(out) != "in\n" {
		return errors.New("logged in, and no command ran")
	}
	return nil
}

// Answers gives the password to the password's prompt, and the code to the
// code's.
func Answers(password, code string) ssh.AuthMethod {
	return AtTheCode(password, func() (string, error) { return code, nil })
}

// AtTheCode gives the password to the password's prompt, at the code's whatever
// typeCode then returns, and Enter to an offer.
func AtTheCode(password string, typeCode func() (string, error)) ssh.AuthMethod {
	return ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
		var said []string
		for _, question := range questions {
			typed := password
			switch {
			case IsOffer(question):
				typed = ""
			case IsCodePrompt(question):
				var err error
				if typed, err = typeCode(); err != nil {
					return nil, err
				}
			}
			said = append(said, typed)
		}
		return said, nil
	})
}

// AnswersAll is Answers, and keeps all that the person reads.
func AnswersAll(read *string, password, code string) ssh.AuthMethod {
	return ssh.KeyboardInteractive(func(_, instruction string, questions []string, _ []bool) ([]string, error) {
		*read += instruction + strings.Join(questions, "")
		said := make([]string, len(questions))
		for i, question := range questions {
			switch {
			case IsOffer(question):
			case IsCodePrompt(question):
				said[i] = code
			default:
				said[i] = password
			}
		}
		return said, nil
	})
}

// What the prompts of a login end with, as patterns. Before them a server puts
// what it has to say.
const (
	CodePrompt = `Security Code \([^\n]*\): $`
	Offer      = `\(Enter[^\n]* = (?:nanti|later)\): $`
)

var codePrompt, offer = regexp.MustCompile(CodePrompt), regexp.MustCompile(Offer)

// IsCodePrompt says whether a prompt asks for a Security Code.
func IsCodePrompt(prompt string) bool { return codePrompt.MatchString(prompt) }

// IsOffer says whether a prompt says that Enter means later.
func IsOffer(prompt string) bool { return offer.MatchString(prompt) }
