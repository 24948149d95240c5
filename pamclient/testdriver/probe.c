/* A PAM module for the tests: shows the PAM_AUTHTOK that the line before it set,
 * as pam_unix with try_first_pass would take it, and returns PAM_IGNORE. */
#include <stddef.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>

int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	const void *authtok = NULL;

	(void)flags, (void)argc, (void)argv;
	pam_get_item(pamh, PAM_AUTHTOK, &authtok);
	pam_info(pamh, "authtok=%s", authtok != NULL ? (const char *)authtok : "(none)");
	return PAM_IGNORE;
}

int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags, (void)argc, (void)argv;
	return PAM_IGNORE;
}
