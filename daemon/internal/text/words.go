package text

// set is all texts in one language. A test demands that none is empty.
type set struct {
	codePrompt  string // {digits}, {entry}
	refused     string // {contact}
	byRule      string // {contact}
	unavailable string // {contact}
	codeNotSeen string // to who logs in past the prompt
	contact     string // {contact}, the tail of the texts above

	scanQR       string
	secretByHand string
	confirm      string // {digits}
	notConfirmed string
	stillNot     string
	activated    string
	turnedText   string
	pictureFile  string // {file}
	abandoned    string

	mustActivate string // {digits}; inside a login
	mayActivate  string // {days}; inside a login
	offer        string
	elsewhere    string // {contact}

	phoneSlow   string // {minutes}
	phoneFast   string // {minutes}
	guessing    string // {source}
	somewhere   string // for a source that is not known any more
	twoCodes    string
	disabled    string
	activate    string
	passwordAtP string
	lookAtPhone string
	waitForNext string

	decimalMark string // between whole and tenths

	// Recovery, the helpdesk, and what the owner is told: recovery.go.

	askHelpdesk        string
	issuedOffer        string
	newPhone           string
	newPhoneOffer      string
	notNow             string
	recoverySpent      string
	currentOr          string
	issuedPrompt       string
	recoveryOffer      string
	recoveryHead       string
	recoveryTime       string
	recoveryProve      string
	recoveryWrong      string
	recoveryKept       string
	recoveryLater      string
	recoveryLeft       string
	recoveryFew        string
	onceUsed           string
	newsWrong          string
	newsWrongAll       string // {count}
	newsRefused        string
	newsGuessed        string
	newsChanged        string
	changed            string
	changeActivated    string
	changeByIssued     string
	changeReset        string
	changeIssued       string
	changeOnce         string
	changeOnceIssued   string
	changeRecoveryMade string
	changeRecoveryUsed string
	readOut            string
	readOutOnce        string
	guessedFirst       string
	wasReset           string
	issuedOpen         string
	onceOpen           string // {time}
	locked             string
	foreignUID         string
	clockBehind        string
	activateByIssued   string // {user}
	unknownCode        string
	expiredCode        string // {user}
	issuedRefused      string // {contact}

	// The helpdesk's conversation of a reset: desk.go.

	deskName     string
	deskUnknown  string // {user}
	deskNot      string // {user}
	deskPerson   string // {full}
	deskLast     string // {time}
	deskActive   string
	deskInactive string
	deskNoPhone  string // {user}
	deskLetter   string
	deskReason   string
	deskSure     string // {user}
	notRecorded  string
	never        string
	stopped      string
}

var sets = map[Language]set{
	Indonesian: {
		codePrompt: `Security Code ({digits} angka, entri "{entry}" di HP): `,
		refused: "Security Code tidak diterima. 1) Tunggu angka berganti, lalu coba lagi; setiap kode hanya berlaku sekali. " +
			"2) Masih gagal? Di HP, nyalakan tanggal & waktu otomatis. 3) HP hilang? Hubungi Helpdesk LPSE{contact}.",
		byRule: "Login ditolak: menurut aturan kantor, akun ini tidak boleh login di sini. Mencoba lagi tidak menolong. " +
			"Perlu masuk? Hubungi Helpdesk LPSE{contact}.",
		unavailable: "Security Code sedang tidak dapat diperiksa. Coba lagi sebentar lagi. Masih gagal? Hubungi Helpdesk LPSE{contact}.",
		codeNotSeen: "Login ditolak: wajib memakai Security Code, tetapi server tidak menanyakannya. Beri tahu administrator. " +
			"Untuk administrator: AuthenticationMethods publickey,keyboard-interactive di sshd_config.",
		contact: ": {contact}",

		scanQR:       "Di aplikasi tekan +, pindai gambar ini.",
		secretByHand: "Atau ketik: {secret}",
		confirm:      "Ketik {digits} angka dari HP (? = gambar lain): ",
		notConfirmed: "Belum cocok. Tunggu angka berganti, lalu ketik angka yang baru.",
		stillNot:     "Aktivasi dibatalkan; tidak ada yang berubah. Di HP, hapus entri itu dan nyalakan tanggal & waktu otomatis, lalu ulangi.",
		activated:    "Aktif. Mulai sekarang login meminta Security Code dari entri \"{entry}\" di HP.",
		turnedText:   "Tanpa gambar. Di aplikasi tekan +, pilih \"masukkan kunci\", ketik kunci ini.",
		pictureFile:  "Gambar ada di {file} dan berisi rahasia: di aplikasi tekan +, pindai, lalu hapus berkas itu.",
		abandoned:    "Aktivasi dihentikan; tidak ada yang berubah. Kalau sudah dipindai, hapus entri itu di HP.",

		mustActivate: "Akun Anda wajib memakai Security Code. Aktivasi cukup sekali. Waktu Anda 2 menit. " +
			"1) Belum ada aplikasinya? Pasang dahulu SPSE Authenticator atau Google Authenticator di HP, lalu masuk lagi. " +
			"2) Di aplikasi tekan +, pindai gambar di bawah. 3) Ketik {digits} angka yang muncul. " +
			"Gambar tidak terbaca? Ketik ? lalu Enter. Terputus? Hapus entri itu di HP, masuk lagi, pindai gambar yang baru.",
		mayActivate: "Sisa waktu sampai Security Code wajib: {days} hari. Aktivasi cukup sekali, di HP dengan SPSE Authenticator atau Google Authenticator.",
		offer:       "Aktivasi sekarang? Ketik y lalu Enter (Enter saja = nanti): ",
		elsewhere: "Akun ini baru saja diaktifkan dari tempat lain. Di HP, hapus entri yang baru Anda pindai. " +
			"Kalau itu Anda, masuk lagi dengan Security Code dari HP itu. Bukan Anda? Hubungi Helpdesk LPSE{contact}.",

		phoneSlow:   "HP terlambat {minutes} menit: nyalakan tanggal & waktu otomatis di HP",
		phoneFast:   "HP terlalu cepat {minutes} menit: nyalakan tanggal & waktu otomatis di HP",
		guessing:    "ada yang menebak kode dari {source}: ganti password",
		somewhere:   "alamat yang tidak tercatat lagi",
		twoCodes:    "dua kode berturut-turut dari HP membuka akun: ketik satu kode, tunggu angka berganti, ketik yang berikutnya",
		disabled:    "akun dinonaktifkan administrator: spse-totp enable {user}",
		activate:    "belum aktif: spse-totp activate {user}",
		passwordAtP: "yang diketik sebagai Security Code bukan kode (mungkin password): ketik {digits} angka dari HP",
		lookAtPhone: "kode salah: buka entri \"{entry}\" di HP, bukan entri SPSE",
		waitForNext: "kode yang sudah dipakai, atau kode lama dari HP yang terlambat: tunggu angka berganti; masih? nyalakan tanggal & waktu otomatis di HP",

		decimalMark: ",",

		askHelpdesk: "Untuk aktivasi, mintalah kode aktivasi dari Helpdesk LPSE{contact}. Ketik kode itu saat login menanyakan Security Code.",
		issuedOffer: "Kode aktivasi dari helpdesk (Enter saja = nanti): ",
		newPhone: "Aktivasi HP. Waktu Anda 2 menit. 1) Belum ada aplikasinya? Pasang dahulu SPSE Authenticator atau Google Authenticator di HP, " +
			"lalu masuk lagi. 2) Di aplikasi tekan +, pindai gambar di bawah. 3) Ketik {digits} angka yang muncul. " +
			"Gambar tidak terbaca? Ketik ? lalu Enter.",
		newPhoneOffer: "HP hilang atau diganti? Aktifkan HP yang baru sekarang: ketik y lalu Enter (Enter saja = nanti): ",
		notNow:        "HP yang lama tetap berlaku.",
		recoverySpent: "Aktivasi tidak jadi; HP yang lama tetap berlaku. Kode cadangan yang tadi diketik sudah terpakai: coret di kertas. Kalau sudah dipindai, hapus entri itu di HP baru.",
		currentOr:     `Security Code dari HP yang lama (entri "{entry}"), atau kode cadangan: `,
		issuedPrompt:  "Kode aktivasi dari Helpdesk LPSE{contact}: ",

		recoveryOffer: "Buat kode cadangan sekarang, untuk masuk kalau HP hilang? Siapkan kertas. Ketik y lalu Enter (Enter saja = nanti): ",
		recoveryHead:  "Kode cadangan Anda. Catat semuanya di kertas, jangan difoto; tiap kode berlaku sekali.",
		recoveryTime:  "Waktu Anda 2 menit. Perlu lebih lama? Tekan Enter, dan setelah masuk jalankan: spse-totp recovery new",
		recoveryProve: "Ketik kode cadangan nomor {number} untuk memastikan sudah dicatat (Enter = nanti): ",
		recoveryWrong: "Bukan kode nomor {number}. Lihat catatan Anda, lalu ketik lagi.",
		recoveryKept:  "Kode cadangan tersimpan. Simpan kertasnya di tempat aman. Kode cadangan yang lebih lama tidak berlaku lagi.",
		recoveryLater: "Kode cadangan yang baru saja ditampilkan tidak berlaku: buang catatannya. Yang lebih lama tidak berubah.",
		recoveryLeft:  "Anda masuk dengan kode cadangan. Sisa kode cadangan: {left}.",
		recoveryFew:   "Kode cadangan hampir habis. Setelah HP siap, buat yang baru: spse-totp recovery new",
		onceUsed:      "Anda masuk dengan kode sekali pakai dari helpdesk. Login berikutnya meminta Security Code lagi.",

		newsWrong:          "{count} kali kode salah dari {source}, terakhir {time}.",
		newsWrongAll:       "Seluruhnya {count} kali kode salah sejak login terakhir.",
		newsRefused:        "{count} kali login ditolak dari {source}, terakhir {time}.",
		newsGuessed:        "Bukan Anda? Maka password Anda mungkin diketahui orang lain. Ganti sekarang: passwd",
		newsChanged:        "Bukan Anda? Hubungi Helpdesk LPSE{contact}.",
		changed:            "{time}, {source}: {change}.",
		changeActivated:    "HP diaktifkan",
		changeByIssued:     "HP diaktifkan dengan kode dari helpdesk",
		changeReset:        "Security Code direset",
		changeIssued:       "helpdesk memberi kode aktivasi",
		changeOnce:         "login dengan kode sekali pakai dari helpdesk",
		changeOnceIssued:   "administrator memberi kode sekali pakai",
		changeRecoveryMade: "kode cadangan baru dibuat",
		changeRecoveryUsed: "login dengan kode cadangan",

		readOut:      "Bacakan kepada pegawai, berlaku sampai {time}:",
		readOutOnce:  "Bacakan kepada pegawai, berlaku sekali sampai {time}:",
		guessedFirst: "Ada yang menebak kode akun ini dari {source}: password harus diganti dahulu.",
		wasReset:     "sudah direset: aktivasi memerlukan kode dari helpdesk: spse-totp issue {user}",
		issuedOpen:   "ada kode aktivasi, berlaku sampai {time}",
		onceOpen:     "ada kode sekali pakai dari administrator, berlaku sampai {time}",
		locked:       "terkunci karena terlalu banyak kode salah: kode cadangan atau spse-totp issue {user} membukanya",
		foreignUID:   "nama ini dahulu milik uid lain di server ini: kalau memang pegawai yang sama, spse-totp reset {user}",
		clockBehind:  "jam server terlambat, kode ditolak: betulkan jam (timedatectl), atau kalau jam sudah benar: spse-totp clock accept",

		activateByIssued: "belum aktif: aktivasi memerlukan kode dari helpdesk: spse-totp issue {user}",
		unknownCode:      "kode cadangan atau kode helpdesk tidak dikenal: salah ketik, atau sudah diganti dengan yang baru",
		expiredCode:      "kode dari helpdesk sudah kedaluwarsa: spse-totp issue {user}",
		issuedRefused:    "Kode tidak diterima. Salah ketik? Ketik lagi. Sudah lama, atau sudah dipakai? Minta kode baru dari Helpdesk LPSE{contact}.",

		deskName:     "User ID pegawai (Enter saja = berhenti): ",
		deskUnknown:  `Tidak ada akun "{user}". Periksa ejaannya; huruf besar dan kecil berbeda.`,
		deskNot:      "Akun {user} tidak boleh Anda reset: akun Anda sendiri, root, atau administrator. Minta administrator server.",
		deskPerson:   "Nama lengkap: {full}",
		deskLast:     "Login terakhir dengan kode: {time}",
		deskActive:   "Keadaan: aktif",
		deskInactive: "Keadaan: tidak aktif",
		deskNoPhone:  "Akun {user} belum punya apa-apa untuk direset.",
		deskLetter:   "Nomor surat (Enter saja = tidak ada): ",
		deskReason:   "Alasan, misalnya HP hilang (Enter saja = berhenti): ",
		deskSure:     "Reset {user}? HP yang lama dan kode cadangannya tidak berlaku lagi (y/N): ",
		notRecorded:  "(tidak tercatat)",
		never:        "belum pernah",
		stopped:      "Dihentikan; tidak ada yang berubah.",
	},
	English: {
		codePrompt: `Security Code ({digits} digits, entry "{entry}" on your phone): `,
		refused: "Security Code not accepted. 1) Wait for the digits to change, then try again; each code works once. " +
			"2) Still no? Switch automatic date & time on in the phone. 3) Phone lost? Ask the LPSE helpdesk{contact}.",
		byRule: "Login refused: by the office's rules this account may not log in here. Trying again does not help. " +
			"Need to get in? Ask the LPSE helpdesk{contact}.",
		unavailable: "The Security Code cannot be checked at the moment. Try again shortly. Still no? Ask the LPSE helpdesk{contact}.",
		codeNotSeen: "Login refused: it needs a Security Code, but the server did not ask for it. Tell the administrator. " +
			"For the administrator: AuthenticationMethods publickey,keyboard-interactive in sshd_config.",
		contact: ": {contact}",

		scanQR:       "In the app press +, scan this picture.",
		secretByHand: "Or type: {secret}",
		confirm:      "Type the {digits} digits on the phone (? = other picture): ",
		notConfirmed: "No match yet. Wait for the digits to change, then type the new ones.",
		stillNot:     "Activation cancelled; nothing has changed. In the phone, delete that entry and switch automatic date & time on, then start again.",
		activated:    "Active. From now on logins ask for a Security Code of the entry \"{entry}\" on the phone.",
		turnedText:   "No picture. In the app press +, choose \"enter a key\", type this key.",
		pictureFile:  "The picture is in {file} and holds the secret: in the app press +, scan it, then delete the file.",
		abandoned:    "Activation stopped; nothing has changed. If you scanned already, delete that entry in the phone.",

		mustActivate: "Your account needs a Security Code. You activate it once. You have 2 minutes. " +
			"1) No app yet? First install SPSE Authenticator or Google Authenticator on the phone, then log in again. " +
			"2) In the app press +, scan the picture below. 3) Type the {digits} digits that appear. " +
			"Picture unreadable? Type ? and Enter. Cut off? Delete that entry in the phone, log in again, scan the new picture.",
		mayActivate: "Days left until a Security Code is a must: {days}. You activate it once, on a phone with SPSE Authenticator or Google Authenticator.",
		offer:       "Activate now? Type y and Enter (Enter alone = later): ",
		elsewhere: "This account was activated from elsewhere just now. In the phone, delete the entry that you scanned. " +
			"If that was you, log in again with the Security Code of that phone. Not you? Ask the LPSE helpdesk{contact}.",

		phoneSlow:   "phone is {minutes} min slow: switch automatic time on",
		phoneFast:   "phone is {minutes} min fast: switch automatic time on",
		guessing:    "someone is guessing from {source}: change the password",
		somewhere:   "an address no longer on record",
		twoCodes:    "two codes in a row let in: type one code, wait for the digits to change, type the next",
		disabled:    "disabled by an administrator: spse-totp enable {user}",
		activate:    "not activated: spse-totp activate {user}",
		passwordAtP: "what was typed as the Security Code is no code (a password?): type the {digits} digits on the phone",
		lookAtPhone: "wrong codes: open the entry \"{entry}\" on the phone, not the one for SPSE",
		waitForNext: "a used code, or an old one from a slow phone: wait for the digits to change; still? switch automatic time on in the phone",

		decimalMark: ".",

		askHelpdesk: "To activate, ask the LPSE helpdesk for an activation code{contact}. Type it when the login asks for a Security Code.",
		issuedOffer: "Activation code from the helpdesk (Enter alone = later): ",
		newPhone: "Activating a phone. You have 2 minutes. 1) No app yet? First install SPSE Authenticator or Google Authenticator on the phone, " +
			"then log in again. 2) In the app press +, scan the picture below. 3) Type the {digits} digits that appear. " +
			"Picture unreadable? Type ? and Enter.",
		newPhoneOffer: "Phone lost or replaced? Activate the new one now: type y and Enter (Enter alone = later): ",
		notNow:        "The old phone goes on working.",
		recoverySpent: "Not activated; the old phone goes on working. The recovery code that was typed is used: cross it out. If you scanned already, delete that entry in the new phone.",
		currentOr:     `Security Code of the old phone (entry "{entry}"), or a recovery code: `,
		issuedPrompt:  "Activation code from the LPSE helpdesk{contact}: ",

		recoveryOffer: "Make recovery codes now, to get in when the phone is lost? Have paper at hand. Type y and Enter (Enter alone = later): ",
		recoveryHead:  "Your recovery codes. Write them all on paper, take no photo; each works once.",
		recoveryTime:  "You have 2 minutes. Need longer? Press Enter, and once you are in run: spse-totp recovery new",
		recoveryProve: "Type recovery code number {number} to show that it is written down (Enter = later): ",
		recoveryWrong: "Not code number {number}. Look at what you wrote, and type it again.",
		recoveryKept:  "Recovery codes kept. Put the paper in a safe place. Earlier recovery codes are void.",
		recoveryLater: "The recovery codes shown just now are void: throw the note away. Earlier ones are as they were.",
		recoveryLeft:  "You are in by a recovery code. Recovery codes left: {left}.",
		recoveryFew:   "Few recovery codes are left. Once the phone is ready, make new ones: spse-totp recovery new",
		onceUsed:      "You are in by a one-time code of the helpdesk. The next login asks for a Security Code again.",

		newsWrong:          "Wrong codes: {count} from {source}, the last {time}.",
		newsWrongAll:       "Wrong codes in all since the last login: {count}.",
		newsRefused:        "Logins refused: {count} from {source}, the last {time}.",
		newsGuessed:        "Not you? Then somebody else may know your password. Change it now: passwd",
		newsChanged:        "Not you? Ask the LPSE helpdesk{contact}.",
		changed:            "{time}, {source}: {change}.",
		changeActivated:    "a phone was activated",
		changeByIssued:     "a phone was activated by a code of the helpdesk",
		changeReset:        "the Security Code was reset",
		changeIssued:       "the helpdesk gave an activation code",
		changeOnce:         "login by a one-time code of the helpdesk",
		changeOnceIssued:   "an administrator gave a one-time code",
		changeRecoveryMade: "new recovery codes were made",
		changeRecoveryUsed: "login by a recovery code",

		readOut:      "Read out to the person, good until {time}:",
		readOutOnce:  "Read out to the person, good once until {time}:",
		guessedFirst: "Somebody tries codes of this account from {source}: the password must be changed first.",
		wasReset:     "was reset: activation takes a code of the helpdesk: spse-totp issue {user}",
		issuedOpen:   "there is an activation code, good until {time}",
		onceOpen:     "there is a one-time code of an administrator, good until {time}",
		locked:       "locked by too many wrong codes: a recovery code or spse-totp issue {user} opens it",
		foreignUID:   "the name was another uid's on this host: if it is the same person, spse-totp reset {user}",
		clockBehind:  "the host's clock is behind, codes are refused: set it right (timedatectl), or if it is right now: spse-totp clock accept",

		activateByIssued: "not activated: activation takes a code of the helpdesk: spse-totp issue {user}",
		unknownCode:      "no such recovery code or code of the helpdesk: a typing error, or newer ones took its place",
		expiredCode:      "the code of the helpdesk is too old: spse-totp issue {user}",
		issuedRefused:    "The code was not accepted. A typing error? Type it again. Old, or used already? Ask the LPSE helpdesk for a new one{contact}.",

		deskName:     "User ID of the person (Enter alone = stop): ",
		deskUnknown:  `There is no account "{user}". Look at the spelling; capitals matter.`,
		deskNot:      "You may not reset {user}: your own account, root, or an administrator. Ask an administrator of the server.",
		deskPerson:   "Full name: {full}",
		deskLast:     "Last login by a code: {time}",
		deskActive:   "State: active",
		deskInactive: "State: not active",
		deskNoPhone:  "{user} has nothing yet that could be reset.",
		deskLetter:   "Number of the letter (Enter alone = none): ",
		deskReason:   "Reason, such as phone lost (Enter alone = stop): ",
		deskSure:     "Reset {user}? The old phone and the recovery codes will be worth nothing (y/N): ",
		notRecorded:  "(not on record)",
		never:        "never",
		stopped:      "Stopped; nothing has changed.",
	},
}
