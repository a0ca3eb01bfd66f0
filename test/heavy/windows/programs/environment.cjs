// Wine gives a user's folders its own names: here they have those that the test wants.
for (const name of ["LOCALAPPDATA", "USERPROFILE"]) process.env[name] = process.env[`CADUCEUS_TEST_${name}`];
