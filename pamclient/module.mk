# pam_spse_totp.so, linked by the C compiler alone: no Go is in it.
# The tests of pamclient build it by these same rules.

PAM_SOURCES  := $(addprefix pamclient/,args.c frame.c dial.c pam.c login.c module.c)
PAM_FILES    := $(PAM_SOURCES) pamclient/pamclient.h pamclient/module.map pamclient/module.mk
PAM_WARNINGS := -Wall -Wextra -Werror -Wformat=2 -Wshadow -Wstrict-prototypes
PAM_CFLAGS   := -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=hidden $(PAM_WARNINGS)
PAM_LDFLAGS  := -shared -Wl,-z,relro,-z,now -Wl,--version-script=pamclient/module.map

build/pam_spse_totp.so: $(PAM_FILES)
	@mkdir -p $(@D)
	$(CC) $(PAM_CFLAGS) -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2 $(CFLAGS) \
		$(PAM_LDFLAGS) -Wl,-z,defs $(LDFLAGS) -o $@ $(PAM_SOURCES) -lpam

# For tests: the program that loads it must be linked with the sanitizers.
build/pam_spse_totp_asan.so: $(PAM_FILES)
	@mkdir -p $(@D)
	$(CC) $(PAM_CFLAGS) -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
		-fno-sanitize-recover=all $(PAM_LDFLAGS) -o $@ $(PAM_SOURCES) -lpam
