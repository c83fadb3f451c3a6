"""The commands of the window as data, and what is made of it: menus, toolbar, shortcuts."""
